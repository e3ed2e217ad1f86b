//! A mail server: RFC 5321 as far as one client needs it, with AUTH PLAIN, and without encryption (STARTTLS is offered on demand
//! and then refused).
//!
//! A *mail* is what was accepted after its last dot, without the dots that were stuffed. Commands out of order are refused, as a
//! server does. It delivers nothing to anybody.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::host::Host;

/// How it behaves from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conduct {
    #[default]
    Well,
    /// Greets with 554.
    Refuse,
    /// Accepts the connection and says nothing.
    Hang,
    /// Hangs after the data, so that nobody knows whether the mail was taken.
    HangAfterData,
    /// Cuts the connection at the first command.
    Drop,
    /// 550 for every recipient.
    NoSuchUser,
    /// Says that it knows STARTTLS, and answers 454.
    BrokenTls,
}

/// One mail that was accepted.
#[derive(Clone, Debug)]
pub struct Mail {
    pub at: Instant,
    pub from: String,
    pub to: Vec<String>,
    /// Header and body as they came.
    pub data: String,
    /// Whether the client gave name and password.
    pub authenticated: bool,
}

impl Mail {
    /// The body as it reads: lines that were folded for the way are whole again.
    pub fn text(&self) -> String {
        let joined = self.data.replace("=\r\n", "").replace("\r\n", "\n");
        ["=3D", "=22", "=C3=A4"]
            .iter()
            .zip(["=", "\"", "ä"])
            .fold(joined, |text, (coded, plain)| text.replace(coded, plain))
    }
}

#[derive(Default)]
struct State {
    conduct: Conduct,
    mails: Vec<Mail>,
    commands: Vec<String>,
}

/// The server.
pub struct Smtp {
    state: Arc<Mutex<State>>,
    host: Host,
}

impl Smtp {
    /// Starts one that takes mail from `user` with `password`.
    pub fn start(user: &str, password: &str) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (served, plain) = (Arc::clone(&state), base64(format!("\0{user}\0{password}").as_bytes()));
        let host = Host::start("smtp", move |connection| {
            let talk = Talk { state: Arc::clone(&served), plain: plain.clone(), mail: None, authenticated: false };
            talk.serve(connection)
        });
        Self { state, host }
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.host.url().trim_start_matches("http://").to_owned()
    }

    /// How it behaves from the next connection on.
    pub fn set(&self, conduct: Conduct) {
        look(&self.state).conduct = conduct;
    }

    /// Every mail so far.
    pub fn mails(&self) -> Vec<Mail> {
        look(&self.state).mails.clone()
    }

    /// Every command so far, without what follows AUTH.
    pub fn commands(&self) -> Vec<String> {
        look(&self.state).commands.clone()
    }

    /// Waits for a mail.
    pub fn wait_for(&self, what: &str, limit: Duration, is_it: impl Fn(&Mail) -> bool) -> Mail {
        let until = Instant::now() + limit;
        loop {
            if let Some(mail) = self.mails().into_iter().find(|mail| is_it(mail)) {
                return mail;
            }
            assert!(Instant::now() < until, "waited {limit:?} in vain for {what}: {:?}", self.mails());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

fn look(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Talk {
    state: Arc<Mutex<State>>,
    plain: String,
    mail: Option<Mail>,
    authenticated: bool,
}

impl Talk {
    async fn serve(mut self, mut connection: Connection) {
        let conduct = look(&self.state).conduct;
        let greeting = match conduct {
            Conduct::Hang => return connection.closed().await,
            Conduct::Refuse => "554 no service for you\r\n",
            Conduct::Well | Conduct::HangAfterData | Conduct::Drop | Conduct::NoSuchUser | Conduct::BrokenTls => {
                "220 stand-in ESMTP\r\n"
            }
        };
        if connection.write(greeting.as_bytes()).await.is_err() || conduct == Conduct::Refuse {
            return;
        }
        while let Some(line) = connection.line().await {
            if conduct == Conduct::Drop {
                return;
            }
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
            let shown = if verb == "AUTH" { "AUTH".to_owned() } else { line.clone() };
            look(&self.state).commands.push(shown);
            if verb == "DATA" && self.mail.as_ref().is_some_and(|mail| !mail.to.is_empty()) {
                if self.data(&mut connection, conduct).await.is_none() {
                    return;
                }
                continue;
            }
            let answer = self.answer(&verb, &line, conduct);
            if connection.write(answer.as_bytes()).await.is_err() || verb == "QUIT" {
                return;
            }
        }
    }

    fn answer(&mut self, verb: &str, line: &str, conduct: Conduct) -> String {
        let address = || line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(it, _)| it.to_owned());
        match (verb, self.mail.as_mut()) {
            ("EHLO", _) if conduct == Conduct::BrokenTls => "250-stand-in\r\n250 STARTTLS\r\n".into(),
            ("EHLO", _) => "250-stand-in\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n".into(),
            ("STARTTLS", _) => "454 4.7.0 TLS not available\r\n".into(),
            ("AUTH", _) if line.strip_prefix("AUTH PLAIN ") == Some(self.plain.as_str()) => {
                self.authenticated = true;
                "235 2.7.0 accepted\r\n".into()
            }
            // As some servers do, it repeats what it was given.
            ("AUTH", _) => format!("535 5.7.8 not accepted: {line}\r\n"),
            ("MAIL", None) => {
                let (from, authenticated) = (address().unwrap_or_default(), self.authenticated);
                let (at, to, data) = (Instant::now(), Vec::new(), String::new());
                self.mail = Some(Mail { at, from, to, data, authenticated });
                "250 2.1.0 ok\r\n".into()
            }
            ("RCPT", Some(_)) if conduct == Conduct::NoSuchUser => "550 5.1.1 no such user\r\n".into(),
            ("RCPT", Some(mail)) => {
                mail.to.extend(address());
                "250 2.1.5 ok\r\n".into()
            }
            ("RSET", _) => {
                self.mail = None;
                "250 2.0.0 ok\r\n".into()
            }
            ("NOOP", _) => "250 2.0.0 ok\r\n".into(),
            ("QUIT", _) => "221 2.0.0 bye\r\n".into(),
            ("MAIL" | "RCPT" | "DATA", _) => "503 5.5.1 not now\r\n".into(),
            _ => "502 5.5.2 unknown\r\n".into(),
        }
    }

    async fn data(&mut self, connection: &mut Connection, conduct: Conduct) -> Option<()> {
        connection.write(b"354 go on\r\n").await.ok()?;
        let mut data = String::new();
        loop {
            let line = connection.line().await?;
            if line == "." {
                break;
            }
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
            data.push_str("\r\n");
        }
        if conduct == Conduct::HangAfterData {
            connection.closed().await;
            return None;
        }
        let mail = self.mail.take()?;
        look(&self.state).mails.push(Mail { data, at: Instant::now(), ..mail });
        connection.write(b"250 2.0.0 taken\r\n").await.ok()
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let number = (0..3).fold(0_usize, |number, at| number << 8 | usize::from(chunk.get(at).copied().unwrap_or(0)));
        let letter = move |at: usize| char::from(LETTERS[number >> (18 - 6 * at) & 63]);
        let filled = chunk.len() + 1;
        (0..4).map(move |at| if at < filled { letter(at) } else { '=' })
    };
    bytes.chunks(3).flat_map(group).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn letters_are_those_of_the_standard() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(super::base64(plain.as_bytes()), coded);
        }
    }
}
