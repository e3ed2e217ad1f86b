//! Every request gets an id: its answer carries it as `x-request-id`, and so do the lines and rows of all that follows from it. A
//! request is *traced* whoever asks and whatever is answered; what a caller puts into that header is not read.

use agentlab_platform::trace::{self, Trace};
use axum::{
    extract::Request,
    http::{HeaderValue, Method},
    middleware::Next,
    response::Response,
};

/// The header of an answer.
const HEADER: &str = "x-request-id";

/// Answers it under an id. What asks for a change is logged; who only looks would fill the log.
pub(crate) async fn traced(request: Request, next: Next) -> Response {
    let id = trace::new_request();
    let work = async {
        let asked = (request.method() != Method::GET && request.method() != Method::HEAD)
            .then(|| (request.method().clone(), request.uri().path().to_owned()));
        let answer = next.run(request).await;
        if let Some((method, path)) = asked {
            tracing::info!(%method, path, status = answer.status().as_u16(), "asked");
        }
        answer
    };
    let mut answer = Trace::begun(id.clone()).over(work).await;
    if let Ok(value) = HeaderValue::try_from(id) {
        answer.headers_mut().insert(HEADER, value);
    }
    answer
}
