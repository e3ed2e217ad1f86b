//! `GET /api/status`: the whole system in one look.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::Value;

use crate::Shared;

/// What `agentlab status --json` says, from the last look.
pub(crate) async fn status(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.look().await.status())
}
