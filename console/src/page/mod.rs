//! The page: what people look at. Rendered here, with one style sheet and one script of our own; it loads nothing from elsewhere,
//! and works without the script. Each file is one page and holds what its template shows; what a form sends is handed to the
//! same code as the JSON routes.

mod charts;
mod forms;
mod history;
mod now;
mod processes;
mod recovery;
mod show;
mod task;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};

use crate::{Shared, api, problem::Problem};
pub(crate) use show::{at, colour, component, cost, elapsed, ran, short, spent, success, tokens, took};

/// Where the pages are, and what they are called.
pub(crate) const PAGES: [(&str, &str); 5] =
    [("/", "Now"), ("/jobs", "History"), ("/processes", "Processes"), ("/charts", "Charts"), ("/recovery", "Recovery")];

/// What a browser may do with a page of ours: nothing that is not ours.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Every page.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    let text =
        |kind: &'static str, text: &'static str| get(move || async move { ([(header::CONTENT_TYPE, kind)], text) });
    Router::new()
        .route("/", get(now::now))
        .route("/jobs", get(history::history).post(forms::ask))
        .route("/jobs/{id}", get(task::task))
        .route("/jobs/{id}/cancel", post(forms::cancel))
        .route("/jobs/{id}/retry", post(forms::retry))
        .route("/restart", post(forms::restart))
        .route("/pause", post(forms::pause))
        .route("/resume", post(forms::resume))
        .route("/processes", get(processes::processes))
        .route("/charts", get(charts::charts))
        .route("/recovery", get(recovery::recovery))
        .layer(axum::extract::DefaultBodyLimit::max(api::LONGEST))
        .route("/static/style.css", text("text/css; charset=utf-8", include_str!("../../static/style.css")))
        .route("/static/page.js", text("text/javascript; charset=utf-8", include_str!("../../static/page.js")))
}

/// A page that is shown, or why it cannot be.
pub(crate) fn render(page: &impl Template) -> Result<Html<String>, Problem> {
    page.render().map(Html).map_err(|error| Problem::unavailable(format!("the page cannot be shown: {error}")))
}

/// A problem as a page.
#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    title: &'a str,
    words: &'a str,
}

/// Gives a browser a problem as a page, and everything the policy that keeps it to itself.
pub(crate) async fn as_a_page(request: Request, next: Next) -> Response {
    let accepts = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let browser = accepts.contains("text/html");
    let mut response = next.run(request).await;
    if browser && let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let page = ProblemPage { title: problem.title(), words: problem.words() };
        if let Ok(html) = page.render() {
            response = (response.status(), Html(html)).into_response();
        }
    }
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
