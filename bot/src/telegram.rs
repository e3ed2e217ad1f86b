//! Requests to the Bot API: the one file that names teloxide. Its dispatcher is not used, since it confirms updates
//! before they are durable; nor its Throttle, since we pace by rows (docs/decisions/0010).
//!
//! What an error means is told in `fate`.

use std::{
    future::{Future, IntoFuture},
    sync::OnceLock,
    time::Duration,
};

use agentlab_domain::{
    answer::Body,
    chat::Place,
    command,
    outbox::{Fate, REPEAT_MARK},
    text::utf16_len,
};
use agentlab_platform::{clock, config::Config, db::outbox::Due, home::Home, life::Refusal, response::Responses};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::Value;
use teloxide::{
    ApiError, Bot, RequestError,
    net::default_reqwest_settings,
    payloads::{AnswerCallbackQuerySetters, EditMessageTextSetters, SendMessageSetters},
    requests::{JsonRequest, Payload, Requester},
    types::{
        CallbackQueryId, ChatId, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions, MessageEntity,
        MessageId, ReplyParameters, ThreadId,
    },
};
use tokio::time::error::Elapsed;

use crate::{
    batch,
    fate::{PollError, Shown, fate, is_outage, words},
};

/// How long Telegram may hold a poll that finds nothing.
const POLL: Duration = Duration::from_secs(25);
/// How long any other answer may take.
const ANSWER: Duration = Duration::from_secs(15);

/// Answers may take this many times as long when Telegram is out of order.
const LONGEST_PATIENCE: u32 = 3;

/// How long the answer to a pressed button may take.
const TOAST: Duration = Duration::from_secs(3);

/// The Bot API, for one token.
#[derive(Debug)]
pub(crate) struct Telegram {
    bot: Bot,
    bot_id: i64,
    /// Its user name, once Telegram has told it.
    name: OnceLock<String>,
    /// Where its requests are counted; who only looks counts none.
    responses: Option<Responses>,
}

/// Whether Telegram knows our token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// Under this name.
    Yes(String),
    No,
    Unreachable(String),
}

/// `getUpdates` with each update as it came (rule I3): teloxide's own would lose what it cannot parse.
#[derive(Debug, Clone, Serialize)]
struct RawGetUpdates {
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
    timeout: u64,
    allowed_updates: [&'static str; 3],
}

impl Payload for RawGetUpdates {
    type Output = Vec<Value>;
    const NAME: &'static str = "GetUpdates";
}

impl Telegram {
    /// The Bot API of this configuration.
    pub(crate) fn of(config: &Config) -> Result<Self, Refusal> {
        let token =
            config.telegram.token.as_ref().ok_or_else(|| Refusal::configuration("telegram.token is not set"))?;
        let token = token.expose_secret();
        let bot_id = token.split_once(':').and_then(|(id, _)| id.parse().ok()).unwrap_or_default();
        let url: reqwest::Url = config
            .telegram
            .api_url
            .parse()
            .map_err(|error| Refusal::configuration(format!("telegram.api_url is no address: {error}")))?;
        if url.cannot_be_a_base() {
            return Err(Refusal::configuration(
                "telegram.api_url is no address of a server: it looks like https://host",
            ));
        }
        // One client; each request has a limit of its own, which is never longer than this.
        let longest = scaled(POLL).max(Duration::from_secs(1)) + scaled(ANSWER) * LONGEST_PATIENCE;
        let client = default_reqwest_settings().timeout(longest).build().map_err(Refusal::unavailable)?;
        Ok(Self {
            bot: Bot::with_client(token, client).set_api_url(url),
            bot_id,
            name: OnceLock::new(),
            responses: None,
        })
    }

    /// The same, and its requests are counted.
    pub(crate) fn counted(self, home: &Home) -> Self {
        Self { responses: Some(Responses::open(home)), ..self }
    }

    /// Makes a request within a limit, and counts how long it took.
    async fn timed<T>(
        &self,
        method: &str,
        limit: Duration,
        request: impl Future<Output = Result<T, RequestError>>,
    ) -> Result<Result<T, RequestError>, Elapsed> {
        let began = clock::instant();
        let answer = tokio::time::timeout(limit, request).await;
        if let Some(responses) = &self.responses {
            let failed = answer.as_ref().map_or(true, |answer| answer.as_ref().is_err_and(is_outage));
            responses.took(method, began.elapsed(), failed);
        }
        answer
    }

    /// The bot's own user id.
    pub(crate) const fn bot_id(&self) -> i64 {
        self.bot_id
    }

    /// The bot's user name, where it is known.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.get().map(String::as_str)
    }

    /// Asks Telegram whether it knows the token.
    pub(crate) async fn known(&self) -> Known {
        match self.timed("getMe", scaled(ANSWER), self.bot.get_me().into_future()).await {
            Ok(Ok(me)) => Known::Yes(format!("@{}", self.name.get_or_init(|| me.username().to_owned()))),
            Ok(Err(RequestError::Api(ApiError::InvalidToken))) => Known::No,
            Ok(Err(error)) => Known::Unreachable(words(&error)),
            Err(_) => Known::Unreachable("no answer in time".into()),
        }
    }

    /// How long a poll may take in all, before tests shorten time.
    pub(crate) fn poll_takes(patience: u32) -> Duration {
        POLL + ANSWER * patience.min(LONGEST_PATIENCE)
    }

    /// Updates from `offset` on (which confirms those before it), or the earliest unconfirmed ones. An answer may take
    /// `patience` times as long as usual.
    pub(crate) async fn updates(&self, offset: Option<i64>, patience: u32) -> Result<Vec<Value>, PollError> {
        let seconds = scaled(POLL).as_secs().max(1);
        let poll = RawGetUpdates {
            offset,
            timeout: seconds,
            allowed_updates: ["message", "edited_message", "callback_query"],
        };
        let limit = Duration::from_secs(seconds) + answer_within(patience);
        let request = async { JsonRequest::new(self.bot.clone(), poll).await };
        match self.timed("getUpdates", limit, request).await {
            Ok(Ok(updates)) => Ok(updates),
            Ok(Err(RequestError::Api(ApiError::TerminatedByOtherGetUpdates))) => Err(PollError::Conflict),
            Ok(Err(RequestError::Api(ApiError::InvalidToken))) => Err(PollError::Token),
            Ok(Err(RequestError::RetryAfter(wait))) => {
                Err(PollError::Later { why: "too many requests".into(), seconds: Some(wait.seconds()), outage: false })
            }
            Ok(Err(RequestError::InvalidJson { raw, .. })) => batch::apart(&raw).ok_or_else(|| PollError::Later {
                why: "an answer that is no JSON".into(),
                seconds: None,
                outage: true,
            }),
            Ok(Err(error)) => Err(PollError::Later { why: words(&error), seconds: None, outage: is_outage(&error) }),
            Err(_) => Err(PollError::Later { why: "no answer in time".into(), seconds: None, outage: true }),
        }
    }

    /// Shows this revision of a message: by an edit where it exists, else by a send. The answer may take `patience` times as
    /// long as usual.
    pub(crate) async fn show(&self, due: &Due, patience: u32) -> Shown {
        let body = marked(&due.body, due.message.is_none() && due.tried.doubts > 0);
        let entities = if due.tried.formatted { entities(&body) } else { Vec::new() };
        let request = async {
            match due.message {
                Some(message) => self.edit(due.place, message, &body, entities).await,
                None => self.send(due, &body, entities).await,
            }
        };
        let method = if due.message.is_some() { "editMessageText" } else { "sendMessage" };
        match self.timed(method, answer_within(patience), request).await {
            Ok(Ok(message)) => Shown { fate: Fate::Delivered { message }, failed: false },
            Ok(Err(error)) => Shown { fate: fate(&error), failed: is_outage(&error) },
            Err(_) => Shown { fate: Fate::Unknown { why: "no answer in time".into() }, failed: true },
        }
    }

    /// Ends the waiting of a pressed button. Nothing depends on it.
    pub(crate) async fn pressed(&self, callback: &str, words: &str) {
        let request = self.bot.answer_callback_query(CallbackQueryId(callback.to_owned())).text(words);
        // The intake waits for it: not for long.
        let _ = self.timed("answerCallbackQuery", scaled(TOAST), async { request.await }).await;
    }

    async fn send(&self, due: &Due, body: &Body, entities: Vec<MessageEntity>) -> Result<i64, RequestError> {
        let mut request = self
            .bot
            .send_message(ChatId(due.place.chat), body.rich.text.clone())
            .entities(entities)
            .link_preview_options(no_preview());
        if let Some(topic) = due.place.topic {
            request = request.message_thread_id(ThreadId(MessageId(id(topic))));
        }
        if let Some(reply_to) = due.reply_to {
            request =
                request.reply_parameters(ReplyParameters::new(MessageId(id(reply_to))).allow_sending_without_reply());
        }
        if let Some(markup) = markup(body) {
            request = request.reply_markup(markup);
        }
        Ok(i64::from(request.await?.id.0))
    }

    async fn edit(
        &self,
        place: Place,
        message: i64,
        body: &Body,
        entities: Vec<MessageEntity>,
    ) -> Result<i64, RequestError> {
        let mut request = self
            .bot
            .edit_message_text(ChatId(place.chat), MessageId(id(message)), body.rich.text.clone())
            .entities(entities)
            .link_preview_options(no_preview());
        if let Some(markup) = markup(body) {
            request = request.reply_markup(markup);
        }
        Ok(i64::from(request.await?.id.0))
    }
}

/// The body, marked as a possible repeat.
fn marked(body: &Body, repeat: bool) -> Body {
    let mut body = body.clone();
    if repeat {
        body.rich.text.insert_str(0, REPEAT_MARK);
        for entity in &mut body.rich.entities {
            entity.offset += utf16_len(REPEAT_MARK);
        }
    }
    body
}

fn entities(body: &Body) -> Vec<MessageEntity> {
    // Ours serialise exactly as the Bot API's; one that its types do not know is left out, the text stays whole.
    body.rich
        .entities
        .iter()
        .filter_map(|entity| serde_json::from_value(serde_json::to_value(entity).ok()?).ok())
        .collect()
}

fn markup(body: &Body) -> Option<InlineKeyboardMarkup> {
    body.stop
        .map(|number| InlineKeyboardMarkup::new([[InlineKeyboardButton::callback("Stop", command::button(number))]]))
}

const fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

fn id(id: i64) -> i32 {
    i32::try_from(id).unwrap_or_default()
}

fn answer_within(patience: u32) -> Duration {
    scaled(ANSWER) * patience.min(LONGEST_PATIENCE)
}

fn scaled(limit: Duration) -> Duration {
    clock::scaled(limit)
}

#[cfg(test)]
mod tests {
    use agentlab_domain::{answer, text};

    use super::*;

    #[test]
    fn a_repeat_is_marked_and_its_formatting_moves_along() {
        let body = Body { rich: text::render("a **b**"), stop: None };
        let twice = marked(&body, true);
        assert!(twice.rich.text.starts_with("(may be a repeat)"));
        assert_eq!(twice.rich.entities[0].offset, body.rich.entities[0].offset + utf16_len(REPEAT_MARK));
        assert_eq!(marked(&body, false), body);
        assert_eq!(markup(&answer::accepted(3, 0)).unwrap().inline_keyboard[0][0].text, "Stop");
    }

    #[test]
    fn every_entity_we_write_is_one_that_the_bot_api_knows() {
        let rich =
            text::render("# h\n**b** *i* ~~s~~ `c` [l](https://example.org)\n```rust\nfn x() {}\n```\n```\ny\n```");
        let body = Body { rich, stop: None };
        assert_eq!(entities(&body).len(), body.rich.entities.len());
        assert!(body.rich.entities.len() >= 8, "{:?}", body.rich.entities);
    }
}
