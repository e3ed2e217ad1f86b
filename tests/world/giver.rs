//! Giving many tasks without a process for each. A *giver* is what `ask --no-wait --project` does, in this process.

use agentlab_platform::{
    config::{self, Place},
    db::{
        Db,
        cancel::Cancel,
        enqueue::{NewJob, Source},
    },
    home::Home,
    ping,
    restore::{self, Depth},
    run_dir::RunDir,
};

use super::{LONG, World, wait_until};

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
        let mut opened = None;
        // Somebody may be damaging it at this moment.
        wait_until("the database opens", LONG, || {
            opened = runtime.block_on(Db::open(&home)).ok();
            opened.is_some()
        });
        let db = opened.unwrap();
        Self { runtime, db, place: config.project_place(name).unwrap(), given: 0 }
    }

    /// Gives one task.
    pub(crate) fn give(&mut self, prompt: String) {
        assert!(self.try_give(&prompt), "the database stayed locked");
    }

    /// Gives one task; false when the database stayed locked. To give it again is to give the same task.
    pub(crate) fn try_give(&mut self, prompt: &str) -> bool {
        let source = Source::Terminal { request_id: format!("request-{}", self.given) };
        let job = NewJob { source, place: self.place.clone(), prompt: prompt.to_owned(), resumes: None };
        match self.runtime.block_on(self.db.enqueue(&job)) {
            Ok(_) => {}
            Err(error) if error.is_busy() => return false,
            Err(error) => {
                assert!(self.begin_anew_where_it_is_restored(), "{error}");
                return false;
            }
        }
        ping::ping_workers(self.db.home());
        self.given += 1;
        true
    }

    /// Asks once that a task be cancelled, as `cancel` does.
    pub(crate) fn cancel(&mut self, number: i64) {
        match self.runtime.block_on(self.db.cancel(number, "the terminal")) {
            Ok(Cancel::Stopping { run_id, .. }) => {
                RunDir::of(self.db.home(), &run_id).request_stop("the terminal").unwrap();
            }
            Ok(Cancel::Cancelled { .. } | Cancel::Ended { .. } | Cancel::NotFound) => {}
            Err(error) => assert!(error.is_busy() || self.begin_anew_where_it_is_restored(), "{error}"),
        }
    }

    /// Lets go of a database that is damaged or gone, as whoever has it open does, and goes on with what is restored. False where it
    /// is neither.
    pub(crate) fn begin_anew_where_it_is_restored(&mut self) -> bool {
        let home = self.db.home().clone();
        self.runtime.block_on(async {
            let is_to_go = restore::is_condemned(&home)
                || self.db.is_in_place().is_err()
                || restore::look(&home).await.is_ok_and(|found| found.is_some());
            if is_to_go {
                self.db.let_go().await;
                self.db = restore::open(&home, Depth::Whole).await.unwrap();
            }
            is_to_go
        })
    }

    /// The same where it costs next to nothing to know.
    pub(crate) fn keep_up(&mut self) {
        if restore::is_condemned(self.db.home()) || self.db.is_in_place().is_err() {
            self.begin_anew_where_it_is_restored();
        }
    }

    /// How many it has given.
    pub(crate) fn given(&self) -> usize {
        self.given
    }
}
