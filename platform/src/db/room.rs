//! New work on a disk that is nearly full: refused, and each place that was told so is told when it is taken again, once. A row in `said`
//! says who was.

use agentlab_domain::{
    answer,
    chat::Place,
    command::Command,
    intake::{Decision, Request},
    room::{self, Verdict},
};

use super::{
    Db, DbError, Durability, Write,
    outbox::{self, New},
    said,
};

/// The keys of who was told.
const TOLD: &str = "room:";

fn key(place: Place) -> String {
    place.topic.map_or_else(|| format!("{TOLD}{}", place.chat), |topic| format!("{TOLD}{}:{topic}", place.chat))
}

fn place(key: &str) -> Option<Place> {
    let mut numbers = key.strip_prefix(TOLD)?.split(':').map(str::parse);
    let chat = numbers.next()?.ok()?;
    Some(Place { chat, topic: numbers.next().and_then(Result::ok) })
}

/// The decision in place of the bot's own, where it would make a task and there is no room for one.
pub(super) async fn refused(db: &Db, write: &mut Write, decision: &Decision) -> Result<Option<Decision>, DbError> {
    let makes_a_task = match decision {
        Decision::Job { .. } => true,
        Decision::Command { command, .. } => matches!(command, Command::Retry { .. }),
        Decision::Edit { .. }
        | Decision::Stop { .. }
        | Decision::NoText { .. }
        | Decision::Limited { .. }
        | Decision::Stranger { .. }
        | Decision::Ignore { .. } => false,
    };
    let Some(Request { place, message, .. }) = decision.counted().filter(|_| makes_a_task) else { return Ok(None) };
    match db.room() {
        Verdict::Enough => Ok(None),
        Verdict::Low(low) => {
            said::first(write, &key(place)).await?;
            Ok(Some(Decision::Limited { place, message, words: room::refusal(low) }))
        }
    }
}

impl Db {
    /// Whether new work is taken at this moment.
    pub fn room(&self) -> Verdict {
        crate::room::look(self.home(), self.terms().floor_mb)
    }

    /// Refuses where new work is not taken.
    pub(super) fn has_room(&self) -> Result<(), DbError> {
        match self.room() {
            Verdict::Enough => Ok(()),
            Verdict::Low(low) => Err(DbError::NoRoom(room::refusal(low))),
        }
    }

    /// Tells the owner, once, that nothing new is taken.
    pub async fn tell_of_low_disk(&self, words: &str) -> Result<(), DbError> {
        let Some(chat) = self.terms().owner else { return Ok(()) };
        let mut write = self.begin(Durability::Full).await?;
        let owner = Place { chat, topic: None };
        said::once(&mut write, &key(owner), owner, words).await?;
        write.commit().await
    }

    /// Tells everybody who was refused, and the owner, that new work is taken again.
    pub async fn tell_of_room(&self) -> Result<(), DbError> {
        let told = "SELECT key FROM said WHERE key GLOB 'room:*' ORDER BY key";
        if sqlx::query_scalar::<_, String>(told).fetch_all(self.read()).await?.is_empty() {
            return Ok(());
        }
        let mut write = self.begin(Durability::Full).await?;
        let keys: Vec<String> = sqlx::query_scalar(told).fetch_all(&mut *write).await?;
        for place in keys.iter().filter_map(|key| place(key)) {
            let body = answer::reply(room::AGAIN);
            outbox::add(&mut write, New { kind: "notice", job_id: None, place, reply_to: None, body: &body }).await?;
        }
        sqlx::query("DELETE FROM said WHERE key GLOB 'room:*'").execute(&mut *write).await?;
        write.commit().await
    }
}
