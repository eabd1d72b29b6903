//! What the parking bucket's CORS rule does in AWS: lets the dashboard send big files to the bucket itself (Fetch
//! standard, section 3.2, "CORS protocol"). Pages of this machine only.

use hyper::body::Incoming;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use hyper::service::Service;
use hyper::{Method, Request, Response};
use std::pin::Pin;

/// A service whose answers pages may read, and that they may ask first.
#[derive(Clone)]
pub(super) struct Cors<S>(pub(super) S);

impl<S, B> Service<Request<Incoming>> for Cors<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Future: Send + 'static>,
    B: Default + Send + 'static,
    S::Error: Send,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, S::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let origin = request.headers().get(ORIGIN).filter(|origin| is_here(origin)).cloned();
        let asks = request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let answer = (!asks || origin.is_none()).then(|| self.0.call(request));
        Box::pin(async move {
            let mut response = match answer {
                Some(answer) => answer.await?,
                None => Response::default(),
            };
            if let Some(origin) = origin {
                let headers = response.headers_mut();
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("PUT"));
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
                headers.insert(VARY, HeaderValue::from_static("origin"));
            }
            Ok(response)
        })
    }
}

/// Whether an origin is on this machine: `http://localhost` or `http://127.0.0.1`, on any port.
fn is_here(origin: &HeaderValue) -> bool {
    let host = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
    let name = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
    matches!(name, Some("localhost" | "127.0.0.1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_machine_are_here() {
        let here = |origin: &str| is_here(&HeaderValue::from_str(origin).unwrap());
        assert!(here("http://localhost:8080") && here("http://127.0.0.1:1") && here("http://localhost"));
        for wrong in ["null", "https://example.com", "http://localhost.example.com", "http://127.0.0.1.example.com:80"]
        {
            assert!(!here(wrong), "{wrong}");
        }
    }
}
