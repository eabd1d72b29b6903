//! Services that fail as AWS's may: tables that throttle, queues that deliver late and more than once.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// The longest time by which a message is late, in seconds.
const LATE_SECONDS: u64 = 3;

/// Numbers that look random and are the same each time, as far as the order in which they are asked for is.
#[derive(Debug, Default)]
pub struct Dice(AtomicU64);

impl Dice {
    /// Whether something that happens in so many per cent of cases happens now.
    pub fn fall(&self, per_cent: u64) -> bool {
        self.below(100) < per_cent
    }

    /// Any duration up to `longest`.
    pub fn duration(&self, longest: Duration) -> Duration {
        Duration::from_micros(self.below(longest.as_micros() as u64 + 1))
    }

    fn below(&self, end: u64) -> u64 {
        let mut x = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % end
    }
}

/// DynamoDB, throttling one request in twenty; its URL.
pub async fn throttled(endpoint: String, dice: Arc<Dice>) -> String {
    let client = reqwest::Client::new();
    serve(move |headers, body| async move {
        if dice.fall(5) {
            let refusal = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}"#;
            return (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.0")], refusal).into_response();
        }
        forward(&client, &endpoint, &headers, body.to_vec()).await
    })
    .await
}

/// SQS, in which one message in five is there twice, the second time up to three seconds later, and one in five is late by
/// as much; its URL.
pub async fn repeating(endpoint: String, dice: Arc<Dice>) -> String {
    let client = reqwest::Client::new();
    serve(move |headers, body| async move {
        if headers.get("x-amz-target").is_none_or(|target| target != "AmazonSQS.SendMessage") {
            return forward(&client, &endpoint, &headers, body.to_vec()).await;
        }
        let message: Value = serde_json::from_slice(&body).unwrap();
        let late = |by: Duration| {
            let mut message = message.clone();
            let meant = message["DelaySeconds"].as_u64().unwrap_or(0);
            message["DelaySeconds"] = json!(meant + by.as_secs());
            message.to_string().into_bytes()
        };
        if dice.fall(20) {
            let again = late(dice.duration(Duration::from_secs(LATE_SECONDS)));
            forward(&client, &endpoint, &headers, again).await;
        }
        let by = if dice.fall(20) { dice.duration(Duration::from_secs(LATE_SECONDS)) } else { Duration::ZERO };
        forward(&client, &endpoint, &headers, late(by)).await
    })
    .await
}

/// Where a process dies on its way through a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Before the request is carried out.
    Before,
    /// After that, and before its answer is there.
    After,
}

/// Cuts a process off from its services at its request number so-and-so, counted from nought over all of them.
#[derive(Debug)]
pub struct Fuse {
    left: Mutex<usize>,
    cut: Cut,
    blown: Notify,
}

impl Fuse {
    /// Lets so many requests through.
    pub fn new(requests: usize, cut: Cut) -> Arc<Self> {
        Arc::new(Self { left: Mutex::new(requests), cut, blown: Notify::new() })
    }

    /// Waits until the process is cut off. From then on nothing is answered.
    pub async fn blown(&self) {
        self.blown.notified().await;
    }

    fn lets_through(&self) -> bool {
        let mut left = self.left.lock().unwrap();
        let passes = *left > 0;
        *left = left.saturating_sub(1);
        passes
    }
}

/// A service that is reached through a fuse; its URL.
pub async fn fused(endpoint: String, fuse: Arc<Fuse>) -> String {
    let client = reqwest::Client::new();
    serve(move |headers, body| async move {
        let passes = fuse.lets_through();
        if passes || fuse.cut == Cut::After {
            let answer = forward(&client, &endpoint, &headers, body.to_vec()).await;
            if passes {
                return answer;
            }
        }
        fuse.blown.notify_one();
        std::future::pending().await
    })
    .await
}

/// A server that answers every request by `answer`, until the test ends.
async fn serve<F, A>(answer: F) -> String
where
    F: FnOnce(HeaderMap, Bytes) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Response> + Send + 'static,
{
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    url
}

async fn forward(client: &reqwest::Client, endpoint: &str, headers: &HeaderMap, body: Vec<u8>) -> Response {
    let mut request = client.post(endpoint).body(body);
    for name in ["x-amz-target", "content-type", "authorization", "x-amz-date"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value.as_bytes());
        }
    }
    let answer = request.send().await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    let passed = answer.headers().clone();
    let mut response: Response = (status, answer.bytes().await.unwrap()).into_response();
    for name in ["content-type", "x-amz-crc32"] {
        if let Some(value) = passed.get(name) {
            response.headers_mut().insert(name, value.as_bytes().try_into().unwrap());
        }
    }
    response
}
