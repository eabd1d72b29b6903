//! What depends on environment variables. Such a test starts itself again, in a process with its own environment.

use crate::server::{Server, file, redirect};
use crate::{HOST, get};
use fetch::FetchError;
use std::process::Command;

const PROXY: &str = "FETCH_TEST_PROXY_IS_SET";
const AUTHORITY: &str = "FETCH_TEST_AUTHORITY_IS_SET";

/// Runs the test `name` of this file again with these variables.
fn run_again(name: &str, variables: &[(&str, &str)]) {
    let mut test = Command::new(std::env::current_exe().unwrap());
    test.args(["--exact", &format!("environment::{name}")]).envs(variables.iter().copied());
    for variable in ["no_proxy", "NO_PROXY", "REQUEST_METHOD", "SSL_CERT_DIR"] {
        test.env_remove(variable);
    }
    let output = test.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// A proxy would look the name up itself, past every gate.
#[tokio::test(flavor = "multi_thread")]
async fn proxies_are_ignored() {
    if std::env::var_os(PROXY).is_some() {
        let server = Server::start(|_| file("ours")).await;
        assert_eq!(get(&server, "/").await.as_deref(), Ok("ours".as_bytes()));
        return;
    }
    let proxy = Server::start(|_| file("by proxy")).await;
    let url = format!("http://{}", proxy.address);
    let variables = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", PROXY];
    run_again("proxies_are_ignored", &variables.map(|name| (name, url.as_str())));
    assert!(proxy.requests().is_empty());
}

/// Under a certificate authority that the system trusts, https works, and does not lead to http.
#[tokio::test(flavor = "multi_thread")]
async fn https_works_and_is_not_left() {
    if std::env::var_os(AUTHORITY).is_some() {
        let plain = Server::start(|_| file("for all to read")).await;
        let location = plain.url("/");
        let server = Server::start_tls(move |path| match path {
            "/downgrade" => redirect(&location),
            "/stay" => redirect("/"),
            _ => file("ours"),
        })
        .await;
        assert_eq!(get(&server, "/stay").await.as_deref(), Ok("ours".as_bytes()));
        assert_eq!(get(&server, "/downgrade").await, Err(FetchError::Downgrade));
        assert!(plain.requests().is_empty());
        return;
    }
    let authority = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guard/tls/ca.pem");
    run_again("https_works_and_is_not_left", &[("SSL_CERT_FILE", authority), (AUTHORITY, "1")]);
}

/// Pinning the address does not loosen the certificate check.
#[tokio::test]
async fn an_untrusted_certificate_is_a_failure() {
    let server = Server::start_tls(|_| file("ours")).await;
    assert_eq!(get(&server, "/").await, Err(FetchError::Connect { host: HOST.to_owned() }));
}
