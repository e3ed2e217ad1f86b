//! `GET /api/openapi.json`: what is served, as `OpenAPI` 3.1. A *description* is generated from the handlers and the values that they
//! read and write: a route is registered and described in one step, so there is none without the other. The pages are not in it:
//! they are for people.

use std::sync::Arc;

use axum::{Json, extract::State};
use utoipa::openapi::{
    ContactBuilder, InfoBuilder, LicenseBuilder, OpenApi, ServerBuilder,
    security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme},
    tag::TagBuilder,
};

use crate::{Shared, access, described, problem::Usual};

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
    api
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
