//! `POST /api/restart`: every process, or those of one role, are started again. Running tasks go on. The console is one of
//! them: it answers that the request is kept, and is then replaced itself.

use std::sync::Arc;

use agentlab_domain::{intervention::Kind, role::Role};
use agentlab_platform::ping;
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};

use super::bad_query;
use crate::{Shared, problem::Problem};

/// Whom.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Asked {
    role: Option<Role>,
}

/// The request, which is done by the supervisor.
#[derive(Debug, Serialize)]
pub(crate) struct Restarting {
    id: i64,
    state: &'static str,
}

/// Asks for it.
pub(crate) async fn restart(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<(StatusCode, Json<Restarting>), Problem> {
    let Query(asked) = query.map_err(bad_query)?;
    Ok((StatusCode::ACCEPTED, Json(restart_role(&shared, asked.role).await?)))
}

/// Asks for a restart of a role, or of everything.
pub(crate) async fn restart_role(shared: &Shared, role: Option<Role>) -> Result<Restarting, Problem> {
    let life = &shared.life;
    if role == Some(Role::Bot) && life.config.telegram.token.is_none() {
        return Err(Problem::conflict("there is no bot to restart: telegram.token is not set"));
    }
    let id = life.db.ask_for(Kind::Restart, role, "the page").await?;
    ping::ping(&life.home.socket(Role::Supervisor.as_str()));
    Ok(Restarting { id, state: "asked" })
}
