//! `GET /api/openapi.json`: what is served, as `OpenAPI` 3.1. A *description* is generated from the handlers and the values that they
//! read and write: a route is registered and described in one step, so there is none without the other. The pages are not in it:
//! they are for people.

use std::sync::Arc;

use axum::{Json, extract::State};
use utoipa::{
    ToSchema,
    openapi::{
        ContactBuilder, Content, InfoBuilder, LicenseBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder,
        ServerBuilder,
        security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme},
        tag::TagBuilder,
    },
};

use crate::{
    Shared, access, described,
    problem::{Usual, Words},
};

/// What holds of every route.
const GENERAL: &str = "By 127.0.0.1 and by the Unix socket `run/console.sock` of the home. The socket takes no login. On 127.0.0.1 \
`/health`, `/ready` and `/metrics` are open to this machine, all else takes the login of `agentlab page`, and what changes something \
also an `Origin` header that names this very address. Times are Unix milliseconds, money is US dollars, and a problem is an object \
with `error`, which says what failed and what to do.";

/// The description.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "system",
    responses((status = 200, description = "This description", body = Object), Usual)
)]
pub(crate) async fn openapi(State(shared): State<Arc<Shared>>) -> Json<OpenApi> {
    Json(describe(shared.life.config.console.port))
}

/// The description of the console at this port.
fn describe(port: u16) -> OpenApi {
    let (_, mut api) = described().split_for_parts();
    api.info = InfoBuilder::new()
        .title("agentlab")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(GENERAL))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()))
        .contact(Some(ContactBuilder::new().name(Some("whoever runs this machine")).build()))
        .build();
    api.servers = Some(vec![ServerBuilder::new().url("/").build()]);
    let tag = |name: &str, words: &str| TagBuilder::new().name(name).description(Some(words)).build();
    api.tags = Some(vec![
        tag("tasks", "Give tasks, follow them, stop them, do them again."),
        tag("system", "See and command the system itself."),
        tag("open", "For whoever watches: no login."),
        tag("login", "The login of a browser."),
    ]);
    let login = ApiKeyValue::with_description(access::name(port), "The link of `agentlab page` sets it.".to_owned());
    let components = api.components.get_or_insert_default();
    components.add_security_scheme("login", SecurityScheme::ApiKey(ApiKey::Cookie(login)));
    api.security = Some(vec![SecurityRequirement::new("login", Vec::<String>::new())]);
    for (path, item) in &mut api.paths.paths {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            operation.responses.responses.insert("405".into(), other_method().into());
            // What pauses may be said with nothing at all; `null` is no way to say it.
            if path == "/api/pause"
                && let Some(RefOr::T(body)) = &mut operation.request_body
            {
                body.required = Some(Required::False);
            }
        }
    }
    api
}

/// What every address answers to a method that it does not take.
fn other_method() -> Response {
    let words = Content::new(Some(Ref::from_schema_name(Words::name())));
    ResponseBuilder::new()
        .description("Another method: the header `Allow` names those that this address takes")
        .content("application/json", words)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_route_is_added_without_its_description() {
        for (file, text) in [("lib.rs", include_str!("../lib.rs")), ("api/mod.rs", include_str!("mod.rs"))] {
            let bare: Vec<&str> = text.lines().filter(|line| line.contains(".route(\"")).collect();
            assert!(
                bare.is_empty(),
                "{file}: use `.routes(routes!(handler))` and describe it with `utoipa::path`: {bare:?}"
            );
        }
    }

    /// Every file of sources below a folder.
    fn sources(folder: &std::path::Path, into: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, into);
            } else if path.extension().is_some_and(|end| end == "rs") {
                into.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn no_two_types_share_the_name_of_a_schema() {
        let mut texts = Vec::new();
        for part in ["console/src", "platform/src", "domain/src"] {
            sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(part), &mut texts);
        }
        let mut names = std::collections::BTreeSet::new();
        for text in &texts {
            let mut derived = false;
            for line in text.lines().map(str::trim) {
                derived |= line.starts_with("#[derive(") && line.contains("ToSchema");
                let name = line.split_once("struct ").or_else(|| line.split_once("enum ")).map(|(_, name)| name);
                if let Some(name) = name.filter(|_| derived && !line.starts_with(['#', '/'])) {
                    derived = false;
                    let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                    assert!(
                        names.insert(name.to_owned()),
                        "two types are called {name}: one is described as the other"
                    );
                }
            }
        }
        let api = serde_json::to_value(describe(8080)).unwrap();
        let described = api["components"]["schemas"].as_object().unwrap();
        let strange: Vec<_> = described.keys().filter(|name| !names.contains(*name)).collect();
        assert!(strange.is_empty(), "of no type that was looked at: {strange:?}");
    }

    #[test]
    fn every_parameter_stands_where_it_is_read_and_every_body_is_an_object() {
        let api = serde_json::to_value(describe(8080)).unwrap();
        for (path, item) in api["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let none = Vec::new();
                let given = operation["parameters"].as_array().unwrap_or(&none);
                let mut named = Vec::new();
                for parameter in given {
                    let name = parameter["name"].as_str().unwrap();
                    match parameter["in"].as_str().unwrap() {
                        "path" => named.push(format!("{{{name}}}")),
                        "query" => {
                            assert_eq!(parameter["required"] == true, path == "/login", "{method} {path} {name}");
                        }
                        other => assert_eq!((other, name), ("header", "Last-Event-ID")),
                    }
                }
                let wanted: Vec<&str> = path.split('/').filter(|part| part.starts_with('{')).collect();
                assert_eq!(wanted, named, "{method} {path}");
                let error = &operation["responses"]["405"]["content"]["application/json"]["schema"]["$ref"];
                assert_eq!(error, "#/components/schemas/Words", "{method} {path}");
                let Some(body) = operation.get("requestBody") else { continue };
                let name = body["content"]["application/json"]["schema"]["$ref"].as_str().unwrap_or_default();
                let schema = api.pointer(name.trim_start_matches('#')).unwrap_or(&serde_json::Value::Null);
                assert_eq!(schema["type"], "object", "{method} {path}: {body}");
            }
        }
        let body = |path: &str| api["paths"][path]["post"]["requestBody"].clone();
        assert_eq!((&body("/api/jobs")["required"], &body("/api/pause")["required"]), (&true.into(), &false.into()));
    }

    #[test]
    fn every_route_says_what_it_needs_and_what_it_may_answer() {
        let api = serde_json::to_value(describe(8080)).unwrap();
        assert!(api["openapi"].as_str().unwrap().starts_with("3.1"), "{}", api["openapi"]);
        let mut operations = 0;
        for (path, item) in api["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                operations += 1;
                let answers = operation["responses"].as_object().unwrap();
                assert!(answers.keys().any(|code| code.starts_with('2') || code == "303"), "{method} {path}");
                let open = access::OPEN.contains(&path.as_str());
                assert_eq!(operation["security"].is_null(), !open, "{method} {path}: {}", operation["security"]);
                assert_eq!(answers.contains_key("401"), !open, "{method} {path}");
                assert!(!operation["summary"].is_null(), "{method} {path} has no words");
            }
        }
        assert!(operations >= 14, "{operations}");
    }
}
