//! Who may ask for what. The *road* by which a request came decides: the Unix socket can be reached only by who may read the
//! home; on loopback any program of this machine may ask, and any page of somebody else's that is open in its browser. There
//! `/health`, `/ready` and `/metrics` are for everybody; all else takes a login, and what changes something also an origin of ours.

use std::sync::Arc;

use agentlab_platform::login;
use axum::{
    extract::{Extension, Request, State},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{Shared, problem::Problem};

/// The name of the cookie that holds a login. Cookies know no ports: each home has a name of its own.
pub(crate) fn name(port: u16) -> String {
    format!("agentlab_login_{port}")
}

/// What everybody on this machine may read, and how a login is begun.
pub(crate) const OPEN: [&str; 6] = ["/health", "/ready", "/metrics", "/login", "/static/style.css", "/static/page.js"];

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Road {
    Socket,
    Loopback,
}

impl Road {
    /// Who acts by it, in rows and in words for people.
    pub(crate) fn actor(self) -> &'static str {
        match self {
            Self::Socket => "the socket",
            Self::Loopback => "the page",
        }
    }
}

/// Lets through what may pass.
pub(crate) async fn guard(
    State(shared): State<Arc<Shared>>,
    Extension(road): Extension<Road>,
    request: Request,
    next: Next,
) -> Response {
    let refused = match road {
        Road::Socket => None,
        Road::Loopback => refusal(&shared, &request),
    };
    match refused {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

fn refusal(shared: &Shared, request: &Request) -> Option<Problem> {
    let headers = request.headers();
    // A page of somebody else's must not read us through a name that it points here.
    if !is_ours(text(headers, header::HOST).unwrap_or_default()) {
        return Some(Problem::forbidden("only 127.0.0.1 and localhost are served"));
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads && OPEN.contains(&request.uri().path()) {
        return None;
    }
    match logged_in(shared, headers) {
        Ok(true) => {}
        Ok(false) => return Some(Problem::no_login()),
        Err(error) => return Some(Problem::unavailable(format!("logins cannot be read: {error}"))),
    }
    let origin = text(headers, header::ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
    // A browser names the page from which something is changed; what names none is no browser's form.
    let same = |origin| text(headers, header::HOST).is_some_and(|host| host.eq_ignore_ascii_case(origin));
    if !reads && !origin.is_some_and(|origin| is_ours(origin) && same(origin)) {
        return Some(Problem::forbidden(
            "what changes something has to come from the page itself, or by the Unix socket",
        ));
    }
    None
}

fn logged_in(shared: &Shared, headers: &HeaderMap) -> std::io::Result<bool> {
    match cookie(headers, shared.life.config.console.port) {
        Some(token) => login::is_logged_in(&shared.life.home, token),
        None => Ok(false),
    }
}

/// The login that a request carries.
pub(crate) fn cookie(headers: &HeaderMap, port: u16) -> Option<&str> {
    let name = name(port);
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|cookies| cookies.to_str().ok());
    cookies.flat_map(|cookies| cookies.split("; ")).find_map(|cookie| cookie.strip_prefix(&name)?.strip_prefix('='))
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a host, with or without a port, is this machine by a name that nobody else can point here.
fn is_ours(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    // Letters of a name are the same, large or small.
    matches!(name, "127.0.0.1" | "[::1]") || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_nobody_can_point_here_are_ours() {
        for ours in ["127.0.0.1", "127.0.0.1:8080", "localhost:1", "LOCALHOST:8141", "LocalHost", "[::1]:8080", "[::1]"]
        {
            assert!(is_ours(ours), "{ours}");
        }
        for other in ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil:80", "127.0.0.1:x", "[::2]:80"] {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[test]
    fn the_login_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        assert_eq!(cookie(&headers, 80), None);
        headers.append(header::COOKIE, "other=1; agentlab_login_8080=x; agentlab_login_80=abc".parse().unwrap());
        assert_eq!(cookie(&headers, 80), Some("abc"));
    }
}
