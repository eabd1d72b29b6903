//! A web server that does as it is told, right or wrong, and remembers what it was asked.

use crate::HOST;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What goes out on the connection, before it is closed.
pub enum Reply {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The first, then one byte of the second at a time with a pause before each.
    Drip(&'static str, &'static str, Duration),
    /// Nothing, for ever.
    Silence,
}

/// A response with these header lines and this body; nothing is added.
pub fn respond(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Reply {
    let mut bytes = format!("HTTP/1.1 {status} As Told\r\n{headers}\r\n").into_bytes();
    bytes.extend_from_slice(body.as_ref());
    Reply::Bytes(bytes)
}

/// A redirect to `location`.
pub fn redirect(location: &str) -> Reply {
    respond(302, &format!("Location: {location}\r\nContent-Length: 0\r\n"), "")
}

/// A file.
pub fn file(body: &str) -> Reply {
    respond(200, &format!("Content-Length: {}\r\n", body.len()), body)
}

/// A server, until the test's runtime ends.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    scheme: &'static str,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Listens on a free port of the loopback address.
    pub async fn start(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), reply).await
    }

    /// Listens at `address`.
    pub async fn start_at(address: SocketAddr, reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::listen(address, "http", None, Arc::new(reply)).await
    }

    /// Speaks https, as [`HOST`], under the certificate authority in `tls/ca.pem`.
    pub async fn start_tls(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/server.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::listen("127.0.0.1:0".parse().unwrap(), "https", Some(acceptor), Arc::new(reply)).await
    }

    async fn listen(
        address: SocketAddr,
        scheme: &'static str,
        tls: Option<TlsAcceptor>,
        reply: Arc<dyn Fn(&str) -> Reply + Send + Sync>,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heard = requests.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(converse(stream, tls.clone(), reply.clone(), heard.clone()));
            }
        });
        Self { address, scheme, requests }
    }

    /// The URL of `path` under the name [`HOST`].
    pub fn url(&self, path: &str) -> String {
        format!("{}://{HOST}:{}{path}", self.scheme, self.address.port())
    }

    /// The heads of all requests so far. A connection without a request counts as an empty one.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn converse(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    reply: Arc<dyn Fn(&str) -> Reply + Send + Sync>,
    heard: Arc<Mutex<Vec<String>>>,
) {
    match tls {
        None => answer(stream, &*reply, &heard).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => answer(stream, &*reply, &heard).await,
            Err(_) => heard.lock().unwrap().push(String::new()),
        },
    }
}

/// Answers one request. The client may leave at any time.
async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    reply: &(dyn Fn(&str) -> Reply + Send + Sync),
    heard: &Mutex<Vec<String>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { break };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    heard.lock().unwrap().push(head);
    let _ = match reply(&path) {
        Reply::Bytes(bytes) => stream.write_all(&bytes).await,
        Reply::Drip(head, rest, pause) => drip(&mut stream, head, rest, pause).await,
        Reply::Silence => std::future::pending().await,
    };
    let _ = stream.shutdown().await;
}

async fn drip(stream: &mut (impl AsyncWrite + Unpin), head: &str, rest: &str, pause: Duration) -> std::io::Result<()> {
    stream.write_all(head.as_bytes()).await?;
    for byte in rest.bytes() {
        tokio::time::sleep(pause).await;
        stream.write_all(&[byte]).await?;
    }
    Ok(())
}
