//! Alerts: words to the owner straight to Telegram, once a key, whatever is broken beside it.

use agentlab_platform::{
    alert::{self, AlertError, Told},
    config::{self, Config},
    home::Home,
    lock::{Lock, Mode},
};
use agentlab_stand_ins::{BotApi, bot_api::Fault};

use crate::world::{ANN, World};

/// What an alert needs: a home and a configuration. Nothing runs in it, and there is no database.
struct Alerting {
    _world: World,
    home: Home,
    config: Config,
}

impl Alerting {
    fn with(api_url: &str, token: &str) -> Self {
        let mut world = World::new();
        world.configure(&format!("[telegram]\ntoken = '{token}'\napi_url = '{api_url}'\nallowed_users = [{ANN}]\n"));
        let home = Home::at(world.home()).unwrap();
        let config = config::load(&home).unwrap();
        Self { _world: world, home, config }
    }

    fn of(api: &BotApi) -> Self {
        Self::with(&api.url(), &api.token())
    }

    fn owner(&self, key: &str) -> Result<Told, AlertError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(alert::owner(&self.home, &self.config, key, &format!("about {key}")))
    }
}

#[test]
fn an_alert_is_given_once_a_key_and_an_address_may_end_with_a_slash() {
    let api = BotApi::start();
    let alerting = Alerting::with(&format!("{}/", api.url()), &api.token());
    assert_eq!(alerting.owner("one").unwrap(), Told::Now);
    assert_eq!(alerting.owner("one").unwrap(), Told::Before);
    assert_eq!(alerting.owner("two").unwrap(), Told::Now);
    let texts: Vec<String> = api.messages(ANN).into_iter().map(|message| message.text).collect();
    assert_eq!(texts, ["about one", "about two"]);
    assert!(!alerting.home.database().exists(), "no database is needed");
}

#[test]
fn of_two_at_once_one_tells_and_the_other_is_told_to_ask_again() {
    let api = BotApi::start();
    let alerting = Alerting::of(&api);
    let other = Lock::try_take(&alerting.home.lock("alert"), Mode::Exclusive).unwrap().unwrap();
    assert_eq!(alerting.owner("one").unwrap(), Told::NotYet, "another process may be telling something else");
    assert!(api.messages(ANN).is_empty());
    drop(other);
    let told: Vec<Told> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let told = alerting.owner("one").unwrap();
                        if told != Told::NotYet {
                            return told;
                        }
                        std::thread::yield_now();
                    }
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(told.iter().filter(|told| **told == Told::Now).count(), 1, "{told:?}");
    assert_eq!(api.messages(ANN).len(), 1);
}

#[test]
fn what_telegram_refuses_or_leaves_hanging_is_told_by_the_next_call_and_no_error_shows_the_token() {
    let api = BotApi::start();
    let alerting = Alerting::of(&api);
    let description = format!("Forbidden: {} was blocked", api.token());
    let faults = [
        (Fault::Status { code: 403, description }, "403 Forbidden Forbidden: [token] was blocked"),
        (Fault::TooManyRequests { retry_after: 9 }, "429 Too Many Requests"),
        (Fault::Server(502), "502 Bad Gateway"),
        (Fault::DropConnection, "connection"),
        // Ten seconds, and it is given up.
        (Fault::Hang, "timed out"),
    ];
    for (fault, words) in faults {
        api.fail_next("sendMessage", fault.clone(), 1);
        let error = alerting.owner("one").unwrap_err().to_string();
        assert!(error.contains(words), "{fault:?}: {error}");
        assert!(!error.contains(&api.token()) && !error.contains("TEST-token"), "{error}");
    }
    assert!(api.messages(ANN).is_empty());
    assert_eq!(alerting.owner("one").unwrap(), Told::Now);
    assert_eq!(alerting.owner("one").unwrap(), Told::Before);
}

#[test]
fn an_address_where_nobody_is_is_an_error_without_the_token() {
    let token = "123:the-secret";
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [format!("http://{nobody}"), "http://[".to_owned(), "no address".to_owned()] {
        let error = Alerting::with(&url, token).owner("one").unwrap_err().to_string();
        assert!(!error.contains("the-secret") && error.len() > 40, "{error}");
    }
}

#[test]
fn a_damaged_memory_or_one_that_cannot_be_written_keeps_no_alert_back_and_repeats_none_in_one_process() {
    let api = BotApi::start();
    let alerting = Alerting::of(&api);
    std::fs::write(alerting.home.alerts(), "{\"one\": 17").unwrap();
    assert_eq!(alerting.owner("one").unwrap(), Told::Now);
    assert_eq!(alerting.owner("one").unwrap(), Told::Before);
    let memory = std::fs::read_to_string(alerting.home.alerts()).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&memory).unwrap()["one"].is_i64(), "it is whole again");
    // As on a disk that takes nothing any more.
    std::fs::remove_file(alerting.home.alerts()).unwrap();
    std::fs::create_dir(alerting.home.alerts()).unwrap();
    assert_eq!(alerting.owner("two").unwrap(), Told::Now);
    assert_eq!(alerting.owner("two").unwrap(), Told::Before);
    assert_eq!(api.messages(ANN).len(), 2);
}

#[test]
fn without_an_owner_there_is_nobody_to_tell() {
    let world = World::new();
    let home = Home::at(world.home()).unwrap();
    let config = config::load(&home).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(alert::owner(&home, &config, "one", "words")).unwrap(), Told::Nobody);
    assert!(!home.alerts().exists());
}
