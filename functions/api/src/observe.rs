//! What is told of each request: its trace, and metrics.

use crate::headers;
use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use scan::{ErrorCode, TraceContext};
use std::time::Instant;
use telemetry::{Measurement, Meter};
use tracing::Instrument;

/// Marks a response: so many scans were accepted for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted(pub usize);

/// Handles a request as an operation of the client's trace, or else of a new one, and tells the client which.
pub async fn observe(State(meter): State<Meter>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let trace = context(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    request.extensions_mut().insert(trace);
    let mut response = next.run(request).instrument(telemetry::operation(trace, None)).await;
    let (status, found) = (response.status(), response.extensions());
    let measured = Measurement::of("Function", "api")
        .count("Requests", 1)
        .count("Scans", found.get().map_or(0, |Accepted(scans)| *scans))
        .count("ClientErrors", usize::from(status.is_client_error()))
        .count("ServerErrors", usize::from(status.is_server_error()))
        .duration("Latency", started.elapsed())
        .property("Route", route)
        .property("Status", status.as_u16())
        .property("trace_id", trace.trace_id());
    meter.tell(match found.get::<ErrorCode>() {
        Some(code) => measured.property("Code", code),
        None => measured,
    });
    headers::trace(&mut response, trace);
    response
}

/// A part of the operation that the request says it belongs to. Whatever else those headers hold is nobody's trace, and
/// no error.
fn context(headers: &HeaderMap) -> TraceContext {
    let only = |name: &str| {
        let mut values = headers.get_all(name).iter();
        // Two of them name no operation (section 3.2.1).
        values.next().filter(|_| values.next().is_none())?.to_str().ok()
    };
    let parent = only("traceparent").and_then(|traceparent| traceparent.parse().ok());
    // API Gateway adds X-Ray's to every request.
    let parent = parent.or_else(|| TraceContext::of_xray(only("x-amzn-trace-id")?));
    parent.map_or_else(TraceContext::new, TraceContext::child)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const XRAY: &str = "Root=1-65f0c0de-0123456789abcdef01234567";

    fn trace_id(fields: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        context(&headers).trace_id().to_string()
    }

    #[test]
    fn a_request_belongs_to_its_clients_trace_or_else_to_one_of_its_own() {
        assert_eq!(trace_id(&[("traceparent", TRACEPARENT), ("x-amzn-trace-id", XRAY)]), TRACEPARENT[3..35]);
        assert_eq!(trace_id(&[("x-amzn-trace-id", XRAY)]), "65f0c0de0123456789abcdef01234567");
        assert_ne!(trace_id(&[]), trace_id(&[]));
        let oversized = format!("{TRACEPARENT}-{}", "0".repeat(60_000));
        for hostile in [oversized.as_str(), "", "00-zz-zz-zz", "é"] {
            assert_ne!(trace_id(&[("traceparent", hostile)]), TRACEPARENT[3..35]);
        }
        assert_ne!(trace_id(&[("traceparent", TRACEPARENT), ("traceparent", TRACEPARENT)]), TRACEPARENT[3..35]);
    }
}
