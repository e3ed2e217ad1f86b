//! The families of metrics that are exported. A *family* is a name with a kind and labels; nothing is exported that is not in this
//! list, and docs/features/metrics.md says the same of each. No label holds what a person wrote, a task's number or an id.

/// What kind a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by how long something took.
    Histogram,
}

impl Kind {
    /// The word of the text format.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// As it is asked for; of a counter with `_total`.
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
    pub labels: &'static [&'static str],
}

macro_rules! families {
    ($($id:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(crate) const $id: Family =
            Family { name: $name, kind: Kind::$kind, help: $help, labels: &[$($label),*] };)*
        /// Every family, in the order in which they are exported.
        pub const ALL: &[Family] = &[$($id),*];
    };
}

families! {
    BUILD: Gauge "agentlab_build_info" ["version", "commit"] "The release that answers; always 1";
    DATABASE_UP: Gauge "agentlab_database_up" [] "1 when the rows could be read, else 0: then what is counted from them is left out";
    LOOK_AGE: Gauge "agentlab_look_age_seconds" [] "How old the look at the rows is from which this was counted";
    LOOK_TIME: Gauge "agentlab_look_duration_seconds" [] "How long that look took";
    DATABASE_SIZE: Gauge "agentlab_database_size_bytes" ["file"] "Size of the database file and of its write-ahead log";
    DISK_USED: Gauge "agentlab_disk_used_ratio" [] "How full the disk of the home is, in room or in files, from 0 to 1";
    DISK_FREE: Gauge "agentlab_disk_free_bytes" [] "Room on the disk of the home that may still be used";
    DISK_FLOOR: Gauge "agentlab_disk_floor_bytes" [] "Below so much room nothing new is taken";
    PRUNE_AGE: Gauge "agentlab_retention_age_seconds" [] "How long ago what is older than its age was removed last; not there before that";
    PRUNE_HOLD: Gauge "agentlab_retention_longest_hold_seconds" [] "For how long others could not write at most in that pass";
    BACKUPS: Gauge "agentlab_backups" [] "Backups that are kept";
    BACKUP_AGE: Gauge "agentlab_backup_age_seconds" [] "How old the newest backup is; not there before the first";
    BACKUP_VERIFIED_AGE: Gauge "agentlab_backup_verified_age_seconds" [] "How long ago the newest backup was last tried and found sound";
    BACKUP_UNCOPIED: Gauge "agentlab_backup_uncopied_seconds" [] "For how long backups were not copied to the second folder; 0 where they are, or none is wanted";
    BACKUP_FAILED: Gauge "agentlab_backup_failed" [] "1 where the last attempt to make a backup failed";

    UPDATES: Counter "agentlab_updates_total" ["decision"] "Updates from Telegram, by what was decided about them";
    DELIVERED: Counter "agentlab_messages_delivered_total" ["kind"] "Messages that arrived in a chat; edits of one are not counted";
    GIVEN_UP: Counter "agentlab_messages_given_up_total" ["kind"] "Messages that Telegram would not take";
    OUTBOX: Gauge "agentlab_outbox_messages" ["state"] "Messages that are owed to a chat and have not arrived";
    OUTBOX_AGE: Gauge "agentlab_outbox_oldest_age_seconds" ["state"] "Age of the oldest of them";
    TELEGRAM: Histogram "agentlab_telegram_request_seconds" ["method"] "How long requests to Telegram took; getUpdates is held for up to 25 seconds on purpose";
    TELEGRAM_FAILED: Counter "agentlab_telegram_request_failures_total" ["method"] "Requests to Telegram that were not answered";

    ACCEPTED: Counter "agentlab_tasks_accepted_total" ["channel"] "Tasks that were accepted";
    ENDED: Counter "agentlab_tasks_ended_total" ["channel", "outcome"] "Tasks that ended";
    TASKS: Gauge "agentlab_tasks" ["state"] "Tasks that have not ended";
    OLDEST: Gauge "agentlab_tasks_oldest_age_seconds" ["state"] "Time since the acceptance of the oldest of them";
    CLAIMABLE: Gauge "agentlab_tasks_claimable" [] "Tasks that a free worker could take now";
    PICKUP: Histogram "agentlab_task_pickup_seconds" [] "From the acceptance of a task to the claim of its first run";
    ANSWER: Histogram "agentlab_task_answer_seconds" [] "From the acceptance of a task to its end, of those that are done";

    RUNS: Counter "agentlab_runs_total" ["outcome"] "Runs that are over";
    RUN_TIME: Histogram "agentlab_run_seconds" [] "How long runs took, from their start to their settlement";
    RETRIES: Counter "agentlab_retries_total" [] "Runs beyond the first of their task";
    ADOPTIONS: Counter "agentlab_adoptions_total" [] "How often a living run was taken up by another worker";
    CLAUDE_CALLS: Counter "agentlab_claude_calls_total" ["result"] "Calls of Claude's API, by whether they were answered";
    CLAUDE_TIME: Counter "agentlab_claude_api_seconds_total" [] "Time in which Claude's API answered, as the agent tells it";
    CLAUDE_TURNS: Counter "agentlab_claude_turns_total" [] "Turns of the agent, each of which is a call of the API or more";
    TOKENS: Counter "agentlab_claude_tokens_total" ["direction"] "Tokens that were read and written";
    CIRCUIT: Gauge "agentlab_circuit_state" ["service", "state"] "1 for the state in which the breaker of a service is, 0 for the others";

    SPENT: Counter "agentlab_spend_usd_total" [] "US dollars that settled runs cost";
    SPENT_PERIOD: Gauge "agentlab_spend_period_usd" ["period"] "US dollars spent or set aside in the present day and month";
    RESERVED: Gauge "agentlab_spend_reserved_usd" [] "Of these, what running tasks have set aside";
    BUDGET: Gauge "agentlab_budget_usd" ["period"] "The limit of a day and a month, where there is one";

    WANTED: Gauge "agentlab_workers_wanted" [] "How many workers there should be";
    PROCESS_READY: Gauge "agentlab_process_ready" ["process"] "1 when the process lives and is ready, by its own pulse";
    PROCESS_AGE: Gauge "agentlab_process_age_seconds" ["process"] "For how long the process at this post has been there";
    MEMORY: Gauge "agentlab_process_memory_bytes" ["process"] "Memory of a process, with its share of what it has in common with others (PSS) where the system tells that";
    CPU: Counter "agentlab_process_cpu_seconds_total" ["process"] "Processor time of a process since its start";
    STARTS: Counter "agentlab_process_starts_total" ["process"] "Starts of a process";
    CRASHES: Counter "agentlab_process_crashes_total" ["process"] "Ends of a process that nobody asked for";
    RECOVERIES: Counter "agentlab_recoveries_total" ["process", "rung", "changed"] "Rungs of the ladder that were taken, by whether they changed anything";
    SUSPECT: Gauge "agentlab_release_suspect" [] "1 when this release is suspected of its crashes";
    SWEEPS: Counter "agentlab_detector_sweeps_total" ["process", "detector"] "Turns of the loops that look for what is wrong";
    SILENT: Gauge "agentlab_detector_silent" ["process", "detector"] "1 when such a loop should have turned by now";
    FIRING: Gauge "agentlab_alerts_firing" ["rule", "severity"] "Alerts that last";
    ALERTS: Counter "agentlab_alerts_total" ["rule", "severity"] "Alerts that began";

    UPTIME: Gauge "agentlab_uptime_ratio" ["window"] "Share of the time in which the system served; time in which nothing ran counts as down";
    WATCHED: Counter "agentlab_watched_seconds_total" [] "Time in which a supervisor watched";
    SERVED: Counter "agentlab_served_seconds_total" [] "Time in which the system served";
}
