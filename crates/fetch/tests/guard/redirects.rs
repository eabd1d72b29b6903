//! Redirects, which are URLs from strangers.

use crate::names::Names;
use crate::server::{Server, file, redirect, respond};
use crate::{HOST, fetcher, get, not_public};
use fetch::FetchError;

/// `/3` redirects to `/2`, and so on to `/0`, a file.
async fn chain() -> Server {
    Server::start(|path| match path.trim_start_matches('/').parse::<u32>() {
        Ok(0) => file("arrived"),
        Ok(left) => redirect(&format!("/{}", left - 1)),
        Err(_) => respond(404, "Content-Length: 0\r\n", ""),
    })
    .await
}

#[tokio::test]
async fn three_redirects_are_followed_and_four_are_not() {
    let server = chain().await;
    assert_eq!(get(&server, "/3").await.as_deref(), Ok("arrived".as_bytes()));
    assert_eq!(server.requests().len(), 4);
    assert_eq!(get(&server, "/4").await, Err(FetchError::TooManyRedirects { limit: 3 }));
    assert_eq!(server.requests().len(), 8, "the fifth request is never made");
}

#[tokio::test]
async fn every_kind_of_redirect_is_followed() {
    for status in [301, 302, 303, 307, 308] {
        let server = Server::start(move |path| match path {
            "/" => respond(status, "Location: file\r\nContent-Length: 0\r\n", ""),
            _ => file("arrived"),
        });
        assert_eq!(get(&server.await, "/").await.as_deref(), Ok("arrived".as_bytes()), "{status}");
    }
}

#[tokio::test]
async fn a_redirect_to_a_private_host_is_refused() {
    let trap = Server::start(|_| file("secret")).await;
    let trapped = trap.address.port();
    for (host, port) in [
        ("127.0.0.1", trapped),
        ("2130706433", trapped),
        ("[::ffff:7f00:1]", trapped),
        ("localhost", trapped),
        ("169.254.169.254", 80),
        ("[fd00:ec2::254]", 80),
        ("169.254.170.2", 80),
        ("metadata.google.internal", 80),
    ] {
        let location = format!("http://{host}:{port}/latest/meta-data/");
        let server = Server::start(move |_| redirect(&location)).await;
        let error = get(&server, "/").await.unwrap_err();
        assert!(matches!(error, FetchError::NotPublic { .. }), "{host}: {error:?}");
    }
    assert!(trap.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_to_what_is_not_a_web_page_is_refused() {
    for (location, refusal) in [
        ("file:///etc/passwd", FetchError::NotHttp),
        ("ftp://example.com/a.jpg", FetchError::NotHttp),
        ("gopher://127.0.0.1:6379/_FLUSHALL", FetchError::NotHttp),
        ("data:text/plain,a", FetchError::NotHttp),
        ("http://user:password@example.com/", FetchError::Credentials),
        ("http://example.com:22/", FetchError::Port(22)),
        ("//example.com\\@127.0.0.1/", FetchError::Resolve { host: "example.com".to_owned() }),
        ("http://[::1", FetchError::InvalidUrl),
    ] {
        let server = Server::start(move |_| redirect(location)).await;
        assert_eq!(get(&server, "/").await, Err(refusal), "{location}");
    }
}

#[tokio::test]
async fn a_redirect_that_leads_nowhere_is_a_failure() {
    for status in [300, 302, 304] {
        let server = Server::start(move |_| respond(status, "", "")).await;
        assert_eq!(get(&server, "/").await, Err(FetchError::Status(status)));
    }
    let server = Server::start(|_| respond(302, "Location: \u{7f}\r\nContent-Length: 0\r\n", "")).await;
    assert!(get(&server, "/").await.is_err());
}

/// What one server sets or asks for does not reach the next one.
#[tokio::test]
async fn nothing_is_carried_from_one_request_to_the_next() {
    let last = Server::start(|_| file("arrived")).await;
    let location = last.url("/file");
    let first = Server::start(move |_| {
        let headers = "Set-Cookie: session=1; Domain=example.com\r\nWWW-Authenticate: Basic realm=a\r\n";
        respond(302, &format!("Location: {location}\r\n{headers}Content-Length: 0\r\n"), "")
    })
    .await;
    let fetcher = fetcher(&Names::fixed(HOST, first.address.ip()), [first.address, last.address]);
    assert_eq!(fetcher.get(&first.url("/?token=secret")).await.as_deref(), Ok("arrived".as_bytes()));
    let head = last.requests()[0].to_ascii_lowercase();
    for header in ["cookie", "authorization", "referer", "origin", "secret"] {
        assert!(!head.contains(header), "{head}");
    }
}

#[tokio::test]
async fn a_private_second_server_is_refused_by_name_as_well() {
    let first = Server::start(|_| redirect("http://intranet/")).await;
    assert_eq!(get(&first, "/").await, Err(not_public("intranet")));
}
