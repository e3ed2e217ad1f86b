//! `GET /api/status`: the whole system in one look.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::Value;

use crate::Shared;

/// What `agentlab status --json` says, from the last look.
pub(crate) async fn status(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let mut status = shared.look().await.status();
    if let Value::Object(status) = &mut status {
        let (uptime, reports) = shared.reports().await;
        status.insert("uptime".into(), uptime);
        status.insert("reports".into(), reports);
    }
    Json(status)
}
