//! `POST /api/restart`: every process, or those of one role, are started again. Running tasks go on. The console is one of
//! them: it answers that the request is kept, and is then replaced itself.

use std::sync::Arc;

use agentlab_domain::{intervention::Kind, role::Role};
use agentlab_platform::ping;
use axum::{
    Json,
    extract::{Extension, Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::bad_query;
use crate::{
    Shared,
    access::Road,
    problem::{Problem, Usual, Words},
};

/// Whom.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Whom {
    /// Those of this role alone.
    #[param(value_type = Option<String>, pattern = "^(bot|worker|supervisor|console)$")]
    role: Option<Role>,
}

/// The request, which is done by the supervisor.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Restarting {
    id: i64,
    state: &'static str,
}

/// Asks for it.
#[utoipa::path(
    post,
    path = "/api/restart",
    tag = "system",
    params(Whom),
    responses(
        (status = 202, description = "The supervisor will do it", body = Restarting),
        (status = 409, description = "There is no such process to restart", body = Words),
        (status = 422, description = "There is no such role", body = Words),
        Usual,
    )
)]
pub(crate) async fn restart(
    State(shared): State<Arc<Shared>>,
    Extension(road): Extension<Road>,
    query: Result<Query<Whom>, QueryRejection>,
) -> Result<(StatusCode, Json<Restarting>), Problem> {
    let Query(asked) = query.map_err(bad_query)?;
    Ok((StatusCode::ACCEPTED, Json(restart_role(&shared, asked.role, road).await?)))
}

/// Asks for a restart of a role, or of everything.
pub(crate) async fn restart_role(shared: &Shared, role: Option<Role>, road: Road) -> Result<Restarting, Problem> {
    let life = &shared.life;
    if role == Some(Role::Bot) && life.config.telegram.token.is_none() {
        return Err(Problem::conflict("there is no bot to restart: telegram.token is not set"));
    }
    let id = life.db.ask_for(Kind::Restart, role, road.actor()).await?;
    ping::ping(&life.home.socket(Role::Supervisor.as_str()));
    Ok(Restarting { id, state: "asked" })
}

#[cfg(test)]
mod tests {
    use utoipa::IntoParams;

    use super::*;

    #[test]
    fn the_described_roles_are_all_of_them() {
        let described = serde_json::to_string(&Whom::into_params(|| None)).unwrap();
        let roles = Role::ALL.map(Role::as_str).join("|");
        assert!(described.contains(&format!("^({roles})$")), "{described}");
    }
}
