//! `GET /metrics`: what the system did, in numbers for Prometheus. What is a row is counted from rows, so no restart loses any; what
//! needs no database is told also while that is locked or gone. It answers within 100 ms.
//!
//! Names and labels are in `family`, and in docs/features/metrics.md for people.

mod around;
mod counted;
pub mod family;
mod rows;
mod text;

use std::sync::Arc;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use crate::{Shared, problem::Problem};
pub(crate) use around::Around;
pub(crate) use rows::Rows;

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
    // It is never closed; without a place it would be given all the same.
    let _place = shared.scrapes.acquire().await.ok();
    let (mut samples, counted) = tokio::join!(
        shared.around.seen(&shared.life.home, shared.life.config.disk.floor_mb),
        shared.rows.counted(&shared.life)
    );
    samples.one(&family::DATABASE_UP, f64::from(u8::from(counted.is_some())));
    if let Some(counted) = counted {
        counted::add(&mut samples, &counted);
    }
    match samples.text() {
        Ok(text) => ([(header::CONTENT_TYPE, text::TYPE)], text).into_response(),
        Err(error) => Problem::unavailable(format!("the metrics cannot be written: {error}")).into_response(),
    }
}
