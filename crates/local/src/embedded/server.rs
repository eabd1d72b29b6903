//! A small HTTP/1.1 server on a loopback port.

use super::EmbeddedError;
use super::tasks::Stop;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::HttpService;
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// A listener on a free port of 127.0.0.1, with its address.
pub(super) async fn listen() -> Result<(TcpListener, SocketAddr), EmbeddedError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(EmbeddedError::listen)?;
    let address = listener.local_addr().map_err(EmbeddedError::listen)?;
    Ok((listener, address))
}

/// Serves until told to stop, then lets the running requests finish.
pub(super) async fn serve<S, B>(listener: TcpListener, service: S, mut stop: Stop)
where
    S: HttpService<Incoming, ResBody = B, Future: Send> + Clone + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.requested() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, service.clone(), stop.clone()));
                }
                // Out of file handles, most likely: some will be given back.
                Err(_) => sleep(Duration::from_millis(50)).await,
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// One connection. A client that breaks off is its own affair, so errors end here.
async fn converse<S, B>(stream: TcpStream, service: S, mut stop: Stop)
where
    S: HttpService<Incoming, ResBody = B>,
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
{
    let _ = stream.set_nodelay(true);
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.requested() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
