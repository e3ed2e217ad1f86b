//! `GET /metrics`: what the system did, in numbers for Prometheus. What is a row is counted from rows, so no restart loses any; what
//! needs no database is told also while that is locked or gone. It answers within 100 ms.
//!
//! Names and labels are in `family`, and in docs/features/metrics.md for people.

mod around;
mod counted;
pub mod family;
mod rows;
mod text;

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use crate::{Shared, problem::Problem};
pub(crate) use rows::Rows;
use text::Samples;

/// How long files and processes may take to look at: a disk that hangs is not waited for.
const AROUND: Duration = Duration::from_millis(60);

/// What the system did, in numbers for Prometheus
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "open",
    responses((status = 200, description = "OpenMetrics", body = String, content_type = "application/openmetrics-text")),
    security(())
)]
pub(crate) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    shared.requests.rest();
    let home = shared.life.home.clone();
    let around = tokio::task::spawn_blocking(move || {
        let mut samples = Samples::default();
        around::add(&mut samples, &home);
        samples
    });
    let (around, counted) = tokio::join!(tokio::time::timeout(AROUND, around), shared.rows.counted(&shared.life));
    let mut samples = around.ok().and_then(Result::ok).unwrap_or_default();
    samples.one(&family::DATABASE_UP, f64::from(u8::from(counted.is_some())));
    if let Some(counted) = counted {
        counted::add(&mut samples, &counted);
    }
    match samples.text() {
        Ok(text) => ([(header::CONTENT_TYPE, text::TYPE)], text).into_response(),
        Err(error) => Problem::unavailable(format!("the metrics cannot be written: {error}")).into_response(),
    }
}
