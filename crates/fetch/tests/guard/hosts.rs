//! Hosts that are, or turn out to be, private.

use crate::names::Names;
use crate::server::{Server, file, redirect};
use crate::{HOST, LIMITS, fetcher, get, not_public};
use fetch::{AddressPolicy, FetchError, Fetcher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// However loopback is written, it is refused, and a server there hears nothing.
#[tokio::test]
async fn no_spelling_of_loopback_gets_through() {
    let trap = Server::start(|_| file("secret")).await;
    let port = trap.address.port();
    let fetcher = fetcher(&Names::none(), []);
    for host in [
        "127.0.0.1",
        "2130706433",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "127.1",
        "127.0.0.1.",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b:1::127.0.0.1]",
        "[2002:7f00:1::]",
        "127。0。0。1",
        "%31%32%37.0.0.1",
        "localhost",
        "LocalHost.",
        "any.localhost",
    ] {
        let error = fetcher.get(&format!("http://{host}:{port}/")).await.unwrap_err();
        assert!(matches!(error, FetchError::NotPublic { .. }), "{host}: {error:?}");
        assert!(error.is_refusal());
    }
    let userinfo = fetcher.get(&format!("http://example.com@127.0.0.1:{port}/")).await;
    assert_eq!(userinfo, Err(FetchError::Credentials));
    assert!(trap.requests().is_empty());
}

/// The same host spellings do arrive once their address is allowed: it was the policy that stopped them.
#[tokio::test]
async fn an_allowed_address_is_reached_however_it_is_written() {
    let server = Server::start(|_| file("ours")).await;
    let fetcher = fetcher(&Names::none(), [server.address]);
    for host in ["127.0.0.1", "2130706433", "0177.1", "[::ffff:127.0.0.1]"] {
        let body = fetcher.get(&format!("http://{host}:{}/", server.address.port())).await;
        assert_eq!(body.as_deref(), Ok("ours".as_bytes()), "{host}");
    }
    let elsewhere = Server::start(|_| file("secret")).await;
    let other_port = format!("http://127.0.0.1:{}/", elsewhere.address.port());
    assert_eq!(fetcher.get(&other_port).await, Err(not_public("127.0.0.1")));
}

/// Names lead where the resolver says, so what counts is its answer, all of it. The refusal is the same for each.
#[tokio::test]
async fn a_name_is_judged_by_all_of_its_addresses() {
    let public: IpAddr = Ipv4Addr::new(93, 184, 215, 14).into();
    let metadata_v6: IpAddr = "fd00:ec2::254".parse().unwrap();
    let (metadata, private) = (Ipv4Addr::new(169, 254, 169, 254).into(), Ipv4Addr::new(10, 1, 2, 3).into());
    for answer in [
        vec![Ipv4Addr::LOCALHOST.into()],
        vec![metadata],
        vec![metadata_v6],
        vec![Ipv4Addr::LOCALHOST.to_ipv6_mapped().into()],
        vec![public, private],
        vec![private, public],
        vec![public, Ipv6Addr::LOCALHOST.into()],
    ] {
        let error = fetcher(&Names::changing(HOST, [answer]), []).get("https://images.example.com/").await.unwrap_err();
        assert_eq!(error, not_public(HOST));
        assert!(!error.to_string().contains(|c: char| c.is_ascii_digit()), "{error}");
    }
}

#[tokio::test]
async fn a_name_without_addresses_is_a_failure_not_a_refusal() {
    for names in [Names::none(), Names::changing(HOST, [vec![]])] {
        let error = fetcher(&names, []).get("http://images.example.com/").await.unwrap_err();
        assert_eq!(error, FetchError::Resolve { host: HOST.to_owned() });
        assert!(!error.is_refusal());
    }
}

/// DNS rebinding: a name that is harmless when it is judged and private when it is connected to. It is never asked a
/// second time, so the connection goes where the judged answer led.
#[tokio::test]
async fn the_connection_goes_to_the_address_that_was_judged() {
    let server = Server::start(|_| file("ours")).await;
    let trap_address = SocketAddr::new(Ipv4Addr::new(127, 0, 0, 2).into(), server.address.port());
    let trap = Server::start_at(trap_address, |_| file("secret")).await;
    let names = Names::changing(HOST, [vec![server.address.ip()], vec![trap.address.ip()]]);
    let fetcher = fetcher(&names, [server.address]);

    assert_eq!(fetcher.get(&server.url("/")).await.as_deref(), Ok("ours".as_bytes()));
    assert_eq!(names.asked(), [HOST], "once for one request");
    assert_eq!(fetcher.get(&server.url("/")).await, Err(not_public(HOST)));
    assert_eq!((server.requests().len(), trap.requests().len()), (1, 0));
}

/// The same within one download: a redirect to the same name is a new request, with its own look-up and judgement.
#[tokio::test]
async fn a_name_that_rebinds_between_hops_is_refused() {
    let server = Server::start(|_| redirect("/again")).await;
    let trap_address = SocketAddr::new(Ipv4Addr::new(127, 0, 0, 2).into(), server.address.port());
    let trap = Server::start_at(trap_address, |_| file("secret")).await;
    let names = Names::changing(HOST, [vec![server.address.ip()], vec![trap.address.ip()]]);

    assert_eq!(fetcher(&names, [server.address]).get(&server.url("/")).await, Err(not_public(HOST)));
    assert_eq!(names.asked(), [HOST, HOST]);
    assert_eq!((server.requests().len(), trap.requests().len()), (1, 0));
}

/// Whatever the hosts file of a machine makes of such names, none of them leads to it.
#[tokio::test]
async fn the_names_of_this_machine_lead_nowhere() {
    let fetcher = Fetcher::new(AddressPolicy::public_only(), LIMITS);
    for host in ["localhost", "ip6-localhost", "localhost.localdomain"] {
        let error = fetcher.get(&format!("http://{host}/")).await.unwrap_err();
        let harmless = matches!(error, FetchError::NotPublic { .. } | FetchError::Resolve { .. });
        assert!(harmless, "{host}: {error:?}");
    }
}

/// What we tell a server of ourselves, and nothing more.
#[tokio::test]
async fn a_request_says_little() {
    let server = Server::start(|_| file("ours")).await;
    get(&server, "/a?b=c#fragment").await.unwrap();
    let head = server.requests()[0].to_ascii_lowercase();
    let mut lines: Vec<_> = head.trim_end().split("\r\n").collect();
    assert_eq!(lines.remove(0), "get /a?b=c http/1.1");
    lines.sort_unstable();
    let host = format!("host: images.example.com:{}", server.address.port());
    assert_eq!(lines, ["accept-encoding: identity", "accept: */*", &host, "user-agent: truthlens/0.1.0"]);
}
