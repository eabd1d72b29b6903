//! Responses that are too big, too slow, empty, packed or broken.

use crate::names::Names;
use crate::server::{Reply, Server, file, respond};
use crate::{HOST, LIMITS, fetcher, get};
use fetch::{FetchError, FetchLimits};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

const TOO_LARGE: FetchError = FetchError::TooLarge { limit: LIMITS.max_bytes };
const TIMED_OUT: FetchError = FetchError::TimedOut { limit: LIMITS.total };

fn chunked(length: usize) -> String {
    format!("{length:x}\r\n{}\r\n0\r\n\r\n", "a".repeat(length))
}

#[tokio::test]
async fn a_body_may_be_as_large_as_the_limit_and_no_larger() {
    for (length, result) in [(LIMITS.max_bytes, Ok(LIMITS.max_bytes)), (LIMITS.max_bytes + 1, Err(TOO_LARGE))] {
        let server = Server::start(move |path| match path {
            "/announced" => file(&"a".repeat(length)),
            "/chunked" => respond(200, "Transfer-Encoding: chunked\r\n", chunked(length)),
            _ => respond(200, "", "a".repeat(length)),
        })
        .await;
        for path in ["/announced", "/chunked", "/until-close"] {
            assert_eq!(get(&server, path).await.map(|body| body.len()), result, "{path}");
        }
    }
}

/// A body that is announced as too large is refused before it comes.
#[tokio::test]
async fn content_length_is_believed_when_it_is_too_large() {
    let server = Server::start(|_| {
        Reply::Drip("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", "aaaaaaaa", Duration::from_secs(1))
    })
    .await;
    let begun = Instant::now();
    assert_eq!(get(&server, "/").await, Err(TOO_LARGE));
    assert!(begun.elapsed() < Duration::from_millis(900));
}

/// It makes no difference which part is slow: all of them together have one deadline.
#[tokio::test]
async fn slow_answers_end_at_the_deadline() {
    let pause = Duration::from_millis(200);
    let server = Server::start(move |path| match path {
        "/head" => Reply::Drip("HTTP/1.1 200 OK\r\n", "X-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", pause),
        "/body" => Reply::Drip("HTTP/1.1 200 OK\r\n\r\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", pause),
        "/redirects" => Reply::Drip("", "HTTP/1.1 302 Found\r\nLocation: /redirects\r\n\r\n", pause / 8),
        _ => Reply::Silence,
    })
    .await;
    for path in ["/head", "/body", "/redirects", "/silence"] {
        let begun = Instant::now();
        assert_eq!(get(&server, path).await, Err(TIMED_OUT), "{path}");
        assert!(begun.elapsed() < LIMITS.total * 2, "{path}");
    }
    assert!(!TIMED_OUT.is_refusal());
}

#[tokio::test]
async fn a_slow_resolver_ends_at_the_deadline() {
    let fetcher = fetcher(&Names::slow(Duration::from_secs(60)), []);
    assert_eq!(fetcher.get("http://images.example.com/").await, Err(TIMED_OUT));
}

#[tokio::test]
async fn a_compressed_response_is_refused() {
    for encoding in
        ["gzip", "br", "zstd", "deflate", "compress", "X-GZip", "identity, gzip", "identity\r\nContent-Encoding: gzip"]
    {
        let server = Server::start(move |_| {
            respond(200, &format!("Content-Encoding: {encoding}\r\nContent-Length: 1\r\n"), "a")
        });
        assert_eq!(get(&server.await, "/").await, Err(FetchError::Encoding), "{encoding}");
    }
}

#[tokio::test]
async fn a_content_encoding_that_changes_no_byte_is_none() {
    for encoding in
        ["", "Identity", "identity, identity", "aws-chunked", "aws-chunked,", "utf-8", "binary", "none", "7bit"]
    {
        let server = Server::start(move |_| {
            respond(200, &format!("Content-Encoding: {encoding}\r\nContent-Length: 1\r\n"), "a")
        });
        assert_eq!(get(&server.await, "/").await.as_deref(), Ok("a".as_bytes()), "{encoding:?}");
    }
}

#[tokio::test]
async fn only_a_success_with_a_body_counts() {
    for status in [400, 401, 403, 404, 429, 500, 503] {
        let server = Server::start(move |_| respond(status, "Content-Length: 1\r\n", "a")).await;
        let error = get(&server, "/").await.unwrap_err();
        assert_eq!(error, FetchError::Status(status));
        assert!(!error.is_refusal());
    }
    for head in ["Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n"] {
        let body = if head.starts_with('T') { "0\r\n\r\n" } else { "" };
        let server = Server::start(move |_| respond(200, head, body)).await;
        assert_eq!(get(&server, "/").await, Err(FetchError::Empty), "{head}");
    }
    let server = Server::start(|_| respond(204, "", "")).await;
    assert_eq!(get(&server, "/").await, Err(FetchError::Empty));
}

#[tokio::test]
async fn what_breaks_off_is_not_taken_for_whole() {
    let interrupted = FetchError::Interrupted { host: HOST.to_owned() };
    for reply in ["", "SSH-2.0-OpenSSH_9.9\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"] {
        let server = Server::start(move |_| Reply::Bytes(reply.into())).await;
        assert_eq!(get(&server, "/").await, Err(interrupted.clone()), "{reply:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_a_failure() {
    let nobody = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let fetcher = fetcher(&Names::fixed(HOST, Ipv4Addr::LOCALHOST.into()), [nobody]);
    let error = fetcher.get(&format!("http://{HOST}:{}/", nobody.port())).await.unwrap_err();
    assert_eq!(error, FetchError::Connect { host: HOST.to_owned() });
}

#[test]
fn the_defaults_are_those_of_the_documentation() {
    let limits = FetchLimits::default();
    assert_eq!((limits.max_bytes, limits.total, limits.redirects), (20_971_520, Duration::from_secs(10), 3));
}
