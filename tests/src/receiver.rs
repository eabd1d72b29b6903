//! Somewhere that is sent to: webhooks, or the part of EventBridge that takes events.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Keeps what it is sent. It ends with the test.
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    /// Answers to come before every answer is 200.
    answers: Mutex<Vec<u16>>,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Received {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

impl Receiver {
    /// Starts it. It answers with `answers` in turn, then with 200.
    pub async fn start(answers: &[u16]) -> Self {
        let shared = Arc::new(Shared::default());
        shared.answers.lock().unwrap().extend(answers.iter().rev());
        let app = Router::new().fallback(receive).with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, shared }
    }

    /// What came so far, once it is `count` requests; for at most 20 s.
    pub async fn received(&self, count: usize) -> Vec<Received> {
        for _ in 0..200 {
            let received = self.shared.received.lock().unwrap().clone();
            if received.len() >= count {
                return received;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{count} requests did not come, but {:?}", self.shared.received.lock().unwrap());
    }
}

async fn receive(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: String) -> (StatusCode, Json<Value>) {
    shared.received.lock().unwrap().push(Received { headers, body });
    let answer = shared.answers.lock().unwrap().pop().unwrap_or(200);
    // As EventBridge answers to PutEvents; webhooks' answers are not read.
    let taken = json!({"FailedEntryCount": 0, "Entries": [{"EventId": "11710aed-b79e-4468-a20b-bb3c0c3b4860"}]});
    (StatusCode::from_u16(answer).unwrap(), Json(taken))
}
