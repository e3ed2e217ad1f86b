//! HTTP/1.1 on one TCP connection, read and written by hand.
//!
//! A *connection* is here what a test can break on purpose: it can be cut before, within or after an answer, left
//! without an answer for ever, and watched for the client's going away. A ready-made server hides exactly that.
//!
//! It does not know TLS, HTTP/2, pipelining or compression; the clients under test use none of them.

use std::future::Future;
use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

pub(crate) struct Request {
    pub(crate) verb: String,
    pub(crate) path: String,
    pub(crate) query: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn parse_head(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (verb, target) = (first.next()?, first.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers =
            lines.filter_map(|line| line.split_once(':')).map(|(k, v)| (k.to_owned(), v.trim().to_owned())).collect();
        Some(Self { verb: verb.to_owned(), path: path.to_owned(), query: query.to_owned(), headers, body: Vec::new() })
    }
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        // Without it a small answer may wait for the client's acknowledgement; a test would only see it as slowness.
        let _ = stream.set_nodelay(true);
        Self { stream, buffer: Vec::new() }
    }

    /// The next request, or `None` when the client closed the connection or sent something that is not HTTP.
    pub(crate) async fn request(&mut self) -> Option<Request> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at;
            }
            self.fill().await?;
        };
        let head = String::from_utf8(self.take(end + 4)).ok()?;
        let mut request = Request::parse_head(head.trim_end_matches("\r\n"))?;
        if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
        }
        if request.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            request.body = self.chunked_body().await?;
        } else if let Some(length) = request.header("content-length") {
            request.body = self.exactly(length.parse().ok()?).await?;
        }
        Some(request)
    }

    /// The next line, without its end, or `None` when the client closed the connection.
    pub(crate) async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                let line = self.take(at + 2);
                return Some(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            self.fill().await?;
        }
    }

    async fn chunked_body(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(at) = find(&self.buffer, b"\r\n") {
                    break at;
                }
                self.fill().await?;
            };
            let line = String::from_utf8(self.take(end + 2)).ok()?;
            let size = usize::from_str_radix(line.trim().split(';').next()?, 16).ok()?;
            let mut chunk = self.exactly(size + 2).await?;
            chunk.truncate(size);
            body.append(&mut chunk);
            if size == 0 {
                return Some(body);
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            self.fill().await?;
        }
        Some(self.take(length))
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(length);
        std::mem::replace(&mut self.buffer, rest)
    }

    async fn fill(&mut self) -> Option<()> {
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(read) if read > 0 => Some(()),
            _ => None,
        }
    }

    /// Runs `work`, but gives it up (`None`) as soon as the client closes its end.
    ///
    /// `work` is looked at first, so that a request which arrived whole has its effect even if its sender was killed
    /// right after.
    pub(crate) async fn unless_closed<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.closed() => None,
        }
    }

    /// Returns when the client has closed its end.
    pub(crate) async fn closed(&mut self) {
        while self.fill().await.is_some() {}
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Writes a whole answer. `headers` are extra lines, each ending in CRLF.
    pub(crate) async fn answer(&mut self, status: u16, headers: &str, body: &[u8]) -> io::Result<()> {
        let mut bytes =
            format!("HTTP/1.1 {status} {}\r\n{headers}content-length: {}\r\n\r\n", reason(status), body.len())
                .into_bytes();
        bytes.extend_from_slice(body);
        self.write(&bytes).await
    }
}

pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        413 => "Payload Too Large",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unspecified",
    }
}
