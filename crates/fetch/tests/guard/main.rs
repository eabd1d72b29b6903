//! The guard against its attackers: real sockets, real HTTP, and the tricks that are known to get past such guards.

#![allow(clippy::unwrap_used, clippy::panic)]

mod bodies;
mod environment;
mod hosts;
mod names;
mod redirects;
mod server;

use fetch::{AddressPolicy, FetchError, FetchLimits, Fetcher};
use names::Names;
use server::Server;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A public name, wherever the tests make it lead.
const HOST: &str = "images.example.com";

/// Small and quick, so that going over is small and quick.
const LIMITS: FetchLimits = FetchLimits { max_bytes: 1000, total: Duration::from_millis(1500), redirects: 3 };

/// A fetcher that may also go to `allowed`.
fn fetcher(names: &Arc<Names>, allowed: impl IntoIterator<Item = SocketAddr>) -> Fetcher {
    Fetcher::with_resolver(names.clone(), AddressPolicy::public_only().with_allowed(allowed), LIMITS)
}

/// What the fetcher gets at `path` of a server that it may go to, under the name [`HOST`].
async fn get(server: &Server, path: &str) -> Result<Vec<u8>, FetchError> {
    let names = Names::fixed(HOST, server.address.ip());
    fetcher(&names, [server.address]).get(&server.url(path)).await
}

fn not_public(host: &str) -> FetchError {
    FetchError::NotPublic { host: host.to_owned() }
}
