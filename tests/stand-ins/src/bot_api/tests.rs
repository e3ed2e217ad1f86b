//! The stand-in by raw HTTP, and once through teloxide, whose types are the judge of its answers.

#![allow(clippy::needless_pass_by_value)]

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use teloxide::payloads::{EditMessageTextSetters, GetUpdatesSetters, SendMessageSetters};
use teloxide::requests::Requester;
use teloxide::types::{
    AllowedUpdate, BotCommand, CallbackQueryId, ChatAction, ChatId, InlineKeyboardButton, InlineKeyboardMarkup,
    MessageEntity, MessageId, ReplyParameters, ThreadId, UpdateKind, UserId,
};
use teloxide::{ApiError, RequestError};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);
const USER: i64 = 42;
const GROUP: i64 = -100_500;

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

fn call(api: &BotApi, method: &str, params: Value) -> reqwest::Result<(u16, Value)> {
    let url = format!("{}/bot{}/{method}", api.url(), api.token());
    wait(async {
        let answer = reqwest::Client::new().post(url).json(&params).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    })
}

fn result(api: &BotApi, method: &str, params: Value) -> Value {
    let (status, body) = call(api, method, params).expect("an answer");
    assert_eq!(status, 200, "{body}");
    body["result"].clone()
}

fn refused(api: &BotApi, method: &str, params: Value) -> String {
    let (status, body) = call(api, method, params).expect("an answer");
    let description = body["description"].as_str().expect("a description");
    assert_eq!((body["ok"].as_bool(), body["error_code"].as_u64()), (Some(false), Some(u64::from(status))));
    format!("{status} {description}")
}

fn ids(updates: &Value) -> Vec<i64> {
    updates.as_array().expect("a list").iter().filter_map(|update| update["update_id"].as_i64()).collect()
}

#[test]
fn offsets_confirm_updates() {
    let api = BotApi::start();
    let said: Vec<i64> = (0..4).map(|_| api.user_says(USER, USER, "hi").update_id).collect();
    assert_eq!(ids(&result(&api, "getUpdates", json!({"limit": 2}))), said[..2]);
    assert_eq!(ids(&result(&api, "GETUPDATES", json!({}))), said);
    assert_eq!(ids(&result(&api, "getUpdates", json!({"offset": said[1]}))), said[1..]);
    assert_eq!(ids(&result(&api, "getUpdates", json!({"offset": -1}))), said[3..]);
    assert_eq!(ids(&result(&api, "getUpdates", json!({}))), said[3..]);
    let next = json!({"offset": said[3] + 1, "allowed_updates": ["message"]});
    assert!(ids(&result(&api, "getUpdates", next.clone())).is_empty());
    api.repeat_update(said[0]);
    assert_eq!(ids(&result(&api, "getUpdates", next.clone())), said[..1]);
    assert!(ids(&result(&api, "getUpdates", next)).is_empty());
    api.user_presses(USER, USER, 1, "not allowed");
    api.set_next_update_id(900_000_000);
    let unknown = api.raw_update(json!({"moon_phase": {"full": true}}));
    assert_eq!(ids(&result(&api, "getUpdates", json!({}))), [unknown]);
    api.raw_update_bytes(None, b"{\"update_id\": 900000001, \"message\": \"\xff");
    assert!(call(&api, "getUpdates", json!({})).is_err());
}

#[test]
fn a_long_poll_waits_and_only_a_living_rival_ends_it() {
    let api = BotApi::start();
    let polls = |count: usize| {
        api.wait_for(PATIENCE, "the next getUpdates", |state| (state.requests().len() == count).then_some(()));
    };
    let said = std::thread::scope(|threads| {
        let waiting = threads.spawn(|| result(&api, "getUpdates", json!({"timeout": 30})));
        polls(1);
        let said = api.user_says(USER, USER, "wake up").update_id;
        assert_eq!(ids(&waiting.join().expect("updates")), [said]);
        said
    });
    let poll = json!({"timeout": 30, "offset": said + 1});
    std::thread::scope(|threads| {
        let first = threads.spawn(|| refused(&api, "getUpdates", poll.clone()));
        polls(2);
        let second = threads.spawn(|| refused(&api, "getUpdates", poll.clone()));
        polls(3);
        // A client that is killed in its poll.
        let mut killed = TcpStream::connect(api.url().trim_start_matches("http://")).expect("a connection");
        write!(killed, "GET /bot{}/getUpdates?timeout=30 HTTP/1.1\r\nhost: x\r\n\r\n", api.token()).expect("sent");
        polls(4);
        for ended in [first, second] {
            let refusal = ended.join().expect("an answer");
            assert!(refusal.starts_with("409 Conflict: terminated by other getUpdates request"), "{refusal}");
        }
    });
    api.wait_for(PATIENCE, "the end of the killed client's poll", |state| (!state.polling()).then_some(()));
    let said = api.user_says(USER, USER, "for the next one").update_id;
    assert_eq!(ids(&result(&api, "getUpdates", poll)), [said]);
    let statuses: Vec<u16> = api.requests().iter().map(|it| it.status).collect();
    assert_eq!(statuses, [200, 409, 409, 0, 200]);

    let url = format!("{}/bot{}/getUpdates?timeout=30&offset={}", api.url(), api.token(), said + 1);
    let abandoned = std::thread::spawn(move || wait(reqwest::get(url)));
    polls(6);
    drop(api);
    assert!(abandoned.join().expect("a thread").is_err());
}

#[test]
fn texts_entities_and_edits_are_checked() {
    let api = BotApi::start();
    let text = |text: &str| json!({"chat_id": USER, "text": text});
    let long = "🦀".repeat(2048);
    assert_eq!(result(&api, "sendMessage", text(&format!(" {long}\n")))["text"], long);
    assert_eq!(refused(&api, "sendMessage", text(&(long + "x"))), "400 Bad Request: message is too long");
    assert_eq!(refused(&api, "sendMessage", text(" \n")), "400 Bad Request: message text is empty");
    for entity in [(0, 5, "bold"), (1, 1, "bold"), (0, 1, "bold"), (0, 2, "wavy"), (0, 2, "text_link")] {
        let entities = json!([{"offset": entity.0, "length": entity.1, "type": entity.2}]);
        let refusal = refused(&api, "sendMessage", json!({"chat_id": 1, "text": "🦀ab", "entities": entities}));
        assert!(refusal.starts_with("400 Bad Request: can't parse entities: "), "{refusal}");
    }
    let keys = |data: &str| json!({"inline_keyboard": [[{"text": "Go", "callback_data": data}]]});
    let mut message = json!({"chat_id": USER, "text": "question", "reply_markup": keys(&"x".repeat(65))});
    assert_eq!(refused(&api, "sendMessage", message.clone()), "400 Bad Request: BUTTON_DATA_INVALID");
    message["reply_markup"] = keys("go");
    message["reply_parameters"] = json!({"message_id": 77});
    assert_eq!(refused(&api, "sendMessage", message.clone()), "400 Bad Request: message to be replied not found");
    message["reply_parameters"]["allow_sending_without_reply"] = json!(true);
    message["message_id"] = result(&api, "sendMessage", message.clone())["message_id"].clone();
    let unmodified = refused(&api, "editMessageText", message.clone());
    assert!(unmodified.contains("message is not modified: specified new message content"), "{unmodified}");
    message["text"] = json!("answer");
    result(&api, "editMessageText", message.clone());
    let stored = api.wait_for_text(USER, "answer", PATIENCE);
    assert_eq!(stored.history, ["question", "answer"]);
    assert_eq!(stored.reply_markup, Some(keys("go")));
    result(&api, "deleteMessage", message.clone());
    assert_eq!(refused(&api, "editMessageText", message), "400 Bad Request: message to edit not found");
    api.refuse_entities(true);
    let bold = json!({"chat_id": 1, "text": "ab", "entities": [{"offset": 0, "length": 1, "type": "bold"}]});
    assert!(refused(&api, "sendMessage", bold).contains("can't parse entities"));
    api.block_chat(USER);
    assert_eq!(refused(&api, "sendMessage", text("x")), "403 Forbidden: bot was blocked by the user");
    assert_eq!(refused(&api, "sendSmell", text("x")), "404 Not Found");
}

#[test]
fn forms_are_read_like_json() {
    let api = BotApi::start();
    let url = format!("{}/bot{}/SendMessage", api.url(), api.token());
    let client = reqwest::Client::new();
    let form = reqwest::multipart::Form::new()
        .text("chat_id", "42")
        .text("text", "[1] & \r\n--two")
        .text("entities", r#"[{"type":"bold","offset":0,"length":3}]"#);
    let sent: Value = wait(async { client.post(&url).multipart(form).send().await?.json().await }).expect("an answer");
    assert_eq!(
        (&sent["result"]["text"], &sent["result"]["entities"][0]["length"]),
        (&json!("[1] & \r\n--two"), &json!(3))
    );
    let kind = "application/x-www-form-urlencoded";
    let body = "chat_id=42&text=a%2Bb+%F0%9F%A6%80&message_thread_id=7";
    let sent = wait(client.post(&url).header("content-type", kind).body(body).send()).expect("an answer");
    assert_eq!(sent.status(), 200);
    assert_eq!((api.messages(USER)[1].text.as_str(), api.messages(USER)[1].thread), ("a+b 🦀", Some(7)));
    let wrong = wait(async { client.get(format!("{}/bot1:wrong/getMe", api.url())).send().await?.text().await });
    assert_eq!(wrong.expect("an answer"), r#"{"description":"Unauthorized","error_code":401,"ok":false}"#);
}

#[test]
fn faults_come_as_planned_and_then_cease() {
    let api = BotApi::start();
    let text = || json!({"chat_id": USER, "text": "x"});
    api.fail_next("SENDMESSAGE", Fault::TooManyRequests { retry_after: 3 }, 1);
    api.fail_next("sendMessage", Fault::DropConnection, 2);
    api.fail_next("sendMessage", Fault::DropAfterEffect, 1);
    api.fail_next("*", Fault::Truncated, 1);
    api.fail_next("sendMessage", Fault::Slow(Duration::from_millis(50)), 1);
    let (status, body) = call(&api, "sendMessage", text()).expect("an answer");
    assert_eq!((status, body["parameters"]["retry_after"].as_u64()), (429, Some(3)));
    assert!(call(&api, "getMe", json!({})).expect_err("cut JSON").is_decode());
    for effects in [0, 0, 1] {
        assert!(call(&api, "sendMessage", text()).is_err());
        assert_eq!(api.messages(USER).len(), effects);
    }
    let before = Instant::now();
    result(&api, "sendMessage", text());
    assert!(before.elapsed() >= Duration::from_millis(50));
    api.fail_next("getMe", Fault::Server(502), 1);
    api.fail_next("getMe", Fault::Hang, 1);
    let page = wait(async { reqwest::get(format!("{}/bot{}/getMe", api.url(), api.token())).await?.text().await });
    assert!(page.expect("a page").starts_with("<html>"));
    std::thread::scope(|threads| {
        let hung = threads.spawn(|| call(&api, "getMe", json!({})));
        let hangs = |state: &State| state.requests().last().filter(|it| it.status == 0).map(drop);
        api.wait_for(PATIENCE, "the request that hangs", hangs);
        api.clear_faults();
        assert!(hung.join().expect("a thread").is_err());
    });
    api.enforce_pace(true);
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(call(&api, "sendMessage", text()).expect("an answer").0);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429]);
}

#[test]
fn teloxide_understands_every_answer() {
    let api = BotApi::start();
    wait(async {
        let bot = teloxide::Bot::new(api.token()).set_api_url(api.url().parse().expect("a URL"));
        assert_eq!(bot.get_me().await.expect("getMe").id, UserId(api.bot_id().unsigned_abs()));
        assert!(bot.delete_webhook().await.is_ok() && bot.get_webhook_info().await.is_ok());
        bot.set_my_commands([BotCommand::new("new", "a task")]).await.expect("setMyCommands");
        let chat = ChatId(GROUP);
        bot.send_chat_action(chat, ChatAction::Typing).await.expect("sendChatAction");

        let said = api.user_says_in(GROUP, Some(5), USER, "/new it");
        api.user_edits(GROUP, said.message_id, "/new that");
        let topic = ThreadId(MessageId(5));
        let said = MessageId(i32::try_from(said.message_id).expect("a small id"));
        let keyboard = InlineKeyboardMarkup::new([[InlineKeyboardButton::callback("Stop", "stop")]]);
        let sent = bot.send_message(chat, "asked").message_thread_id(topic).reply_markup(keyboard.clone());
        let sent = sent.reply_parameters(ReplyParameters::new(said)).entities([MessageEntity::bold(0, 5)]);
        let sent = sent.await.expect("sendMessage");
        assert_eq!((sent.thread_id, sent.reply_to_message().map(|it| it.id)), (Some(topic), Some(said)));
        api.user_presses(GROUP, USER, i64::from(sent.id.0), "stop");
        api.raw_update(json!({"message": {"some fields are missing": true}}));

        let kinds = [AllowedUpdate::Message, AllowedUpdate::EditedMessage, AllowedUpdate::CallbackQuery];
        let updates = bot.get_updates().timeout(1).allowed_updates(kinds).await.expect("getUpdates");
        let [said, edited, pressed, broken] = &updates[..] else { panic!("{updates:?}") };
        assert!(
            matches!(&said.kind, UpdateKind::Message(it) if it.thread_id == Some(topic) && it.chat.is_supergroup())
        );
        assert!(matches!(&edited.kind, UpdateKind::EditedMessage(it) if it.text() == Some("/new that")));
        assert!(matches!(&broken.kind, UpdateKind::Error(_)));
        let UpdateKind::CallbackQuery(query) = &pressed.kind else { panic!("{pressed:?}") };
        assert_eq!(query.message.as_ref().map(teloxide::types::MaybeInaccessibleMessage::id), Some(sent.id));
        bot.answer_callback_query(query.id.clone()).await.expect("answerCallbackQuery");
        let unknown = bot.answer_callback_query(CallbackQueryId("1".to_owned())).await;
        assert!(matches!(unknown, Err(RequestError::Api(_))), "{unknown:?}");

        let edited = bot.edit_message_text(chat, sent.id, "done").reply_markup(keyboard.clone()).await.expect("edit");
        assert!(edited.edit_date().is_some());
        let again = bot.edit_message_text(chat, sent.id, "done").reply_markup(keyboard).await;
        assert!(matches!(again, Err(RequestError::Api(ApiError::MessageNotModified))));
        bot.set_message_reaction(chat, sent.id).await.expect("setMessageReaction");
        bot.delete_message(chat, sent.id).await.expect("deleteMessage");
        api.fail_next("sendMessage", Fault::TooManyRequests { retry_after: 2 }, 1);
        assert!(
            matches!(bot.send_message(chat, "x").await, Err(RequestError::RetryAfter(wait)) if wait.seconds() == 2)
        );
    });
    assert_eq!(api.transcript(GROUP), "user 42 #1 in 5: /new that\nbot #2 in 5 (deleted): done\n");
}
