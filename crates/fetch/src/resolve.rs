//! From names to addresses.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;

/// A way to look up names. A [`Guard`](crate::Guard) asks once for each request and connects to nothing but the answer.
#[async_trait::async_trait]
pub trait Resolve: Debug + Send + Sync {
    /// All addresses of `host`, a domain name without a trailing dot, for connections to `port`.
    ///
    /// # Errors
    /// Whatever keeps the resolver from an answer. A name without addresses may also be an empty answer.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The resolver of the operating system. It knows absolute names only, so no search domains, and as a rule none from
/// the hosts file.
///
/// A look-up that outlives its request keeps a thread of tokio's blocking pool until the operating system gives up
/// (`timeout` and `attempts` in resolv.conf(5); 10 s for each name server by default).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait::async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        // The dot makes the name absolute (RFC 1034, section 3.1): without it the search domains of `resolv.conf` would
        // turn `db.prod` into `db.prod.svc.cluster.local`.
        Ok(tokio::net::lookup_host((format!("{host}."), port)).await?.collect())
    }
}
