//! Giving many tasks without a process for each. A *giver* is what `ask --no-wait --project` does, in this process.

use agentlab_platform::{
    config::{self, Place},
    db::{
        Db,
        enqueue::{NewJob, Source},
    },
    home::Home,
    ping,
};

use super::World;

/// Gives tasks to one project.
pub(crate) struct Giver {
    runtime: tokio::runtime::Runtime,
    db: Db,
    place: Place,
    given: usize,
}

impl Giver {
    /// For this world's project `name`.
    pub(crate) fn of(world: &World, name: &str) -> Self {
        let home = Home::at(world.home()).unwrap();
        let config = config::load(&home).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let db = runtime.block_on(Db::open(&home)).unwrap();
        Self { runtime, db, place: config.project_place(name).unwrap(), given: 0 }
    }

    /// Gives one task.
    pub(crate) fn give(&mut self, prompt: String) {
        let source = Source::Terminal { request_id: format!("request-{}", self.given) };
        let job = NewJob { source, place: self.place.clone(), prompt, resumes: None };
        self.runtime.block_on(self.db.enqueue(&job)).unwrap();
        ping::ping_workers(self.db.home());
        self.given += 1;
    }

    /// How many it has given.
    pub(crate) fn given(&self) -> usize {
        self.given
    }
}
