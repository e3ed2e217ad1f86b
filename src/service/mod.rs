//! `service`: agentlab as services of this machine. Nothing here needs the database: it may be locked, or not be there yet.

mod install;
mod status;
mod uninstall;

use agentlab_domain::{
    exit_code,
    role::{MOST_WORKERS, Post, posts},
};
use agentlab_platform::{
    config::{self, Config},
    home::Home,
    life::Refusal,
    lock, pulse, releases,
    services::{Basis, Manager, SUPERVISOR, Trouble, search_path},
};

use crate::{args::Service, failure::Failure, print};

/// Does what was asked.
pub async fn service(what: Service, as_json: bool) -> Result<u8, Failure> {
    let home = Home::open()?;
    let place = Place::of(home)?;
    match what {
        Service::Install => install::install(place, as_json).await,
        Service::Uninstall => uninstall::uninstall(&place, as_json).await,
        Service::Status => status::status(&place, as_json).await,
    }
}

/// Where services are put, and what they are written from.
struct Place {
    home: Home,
    manager: Manager,
    basis: Basis,
    /// What agents need and the services would not find.
    missing: Vec<String>,
}

impl Place {
    fn of(home: Home) -> Result<Self, Failure> {
        let nowhere = || Refusal::configuration("there is no home directory of this user to put units into: set HOME");
        let manager = Manager::of_this_machine().ok_or_else(nowhere)?;
        // The PATH needs the configuration alone for the folder of the agent: units can be removed under a wrong one too.
        let config = config::load(&home).unwrap_or_default();
        let search = search_path::of_shell(&config);
        let basis = Basis::of(&home, search.path).map_err(Refusal::configuration)?;
        Ok(Self { home, manager, basis, missing: search.missing })
    }

    /// With a release in place, which the units name: an update then reaches every one of them.
    fn with_release(self) -> Result<Self, Failure> {
        if let Some(words) = releases::start::put_in_place(&self.home).map_err(Refusal::unavailable)? {
            print::note(&words);
        }
        let basis = Basis::of(&self.home, self.basis.path).map_err(Refusal::configuration)?;
        Ok(Self { basis, ..self })
    }

    /// Refuses where no manager answers.
    async fn answers(&self) -> Result<(), Failure> {
        let refused = |trouble: Trouble| {
            let name = self.manager.kind.as_str();
            Refusal::unavailable(format!(
                "no {name} of this user answers here ({trouble}). In a container, or over `su`, there may be none: \
                 `agentlab up` runs everything in the foreground"
            ))
        };
        Ok(self.manager.answers().await.map_err(refused)?)
    }

    /// Refuses where the units of another home stand in the place of ours.
    fn refuse_strangers(&self) -> Result<(), Failure> {
        let Some(other) = self.manager.strangers(&self.basis).into_iter().next() else { return Ok(()) };
        let message = format!(
            "the services of this user belong to the home {}, and there can be one: `AGENTLAB_HOME={} agentlab service \
             uninstall` removes them",
            other.display(),
            other.display()
        );
        Err(Refusal { code: exit_code::ALREADY_RUNNING, message }.into())
    }

    /// Every post that is to be filled. While the services run, as many workers as they have: `scale` may have changed that.
    fn wanted(&self, config: &Config) -> Vec<Post> {
        let mut wanted = vec![SUPERVISOR];
        let runs = self.is_held(SUPERVISOR) && self.manager.is_installed(SUPERVISOR);
        let installed = posts(MOST_WORKERS, false, false).into_iter().filter(|post| self.manager.is_installed(*post));
        let mut workers: Vec<Post> = installed.filter(|_| runs).collect();
        if workers.is_empty() {
            workers = posts(config.workers.count, false, false);
        }
        wanted.extend(workers);
        wanted.extend(posts(0, true, config.telegram.token.is_some()));
        wanted
    }

    fn is_held(&self, post: Post) -> bool {
        lock::is_held(&self.home.post_lock(post)).unwrap_or(false)
    }

    /// Whether `agentlab up` runs here, which is none of the manager's.
    async fn runs_directly(&self) -> bool {
        if !lock::is_held(&self.home.lock("up")).unwrap_or(false) {
            return false;
        }
        let kept = self.manager.state(SUPERVISOR).await.ok().and_then(|state| state.pid);
        let there = pulse::read(&self.home, SUPERVISOR).map(|beat| beat.identity.pid);
        kept.is_none() || kept != there
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Self::Refused(Refusal::unavailable(trouble))
    }
}
