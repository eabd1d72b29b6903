//! `truthlens serve` as a child process.

use crate::binary;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running server on a data folder. Killed when dropped.
pub struct Product {
    /// `http://127.0.0.1:port`.
    pub url: String,
    /// The key that the first start printed.
    pub demo_key: Option<String>,
    child: Child,
    client: Client,
}

impl Product {
    /// Starts the server on `data` with `pack` and further arguments, and waits until it listens.
    pub async fn start(data: &Path, pack: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(binary("truthlens"))
            .args(["serve", "--port", "0", "--data-dir"])
            .arg(data)
            .arg("--pack")
            .arg(pack)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut url = None;
        while url.is_none() {
            let line = tokio::time::timeout(Duration::from_secs(60), errors.next_line()).await;
            let line = line.expect("the server starts within a minute").unwrap().expect("the server says where it is");
            url = line.split("listening on ").nth(1).and_then(|rest| rest.split(',').next()).map(str::to_owned);
        }
        // Keeps reading, so that the server never blocks on a full pipe.
        tokio::spawn(async move {
            while let Ok(Some(line)) = errors.next_line().await {
                eprintln!("  {line}")
            }
        });
        let mut this = Self { url: url.unwrap(), demo_key: None, child, client: Client::new() };
        this.demo_key = this.printed_key().await;
        this
    }

    /// The key that a first start prints. A later start prints nothing on standard output.
    async fn printed_key(&mut self) -> Option<String> {
        let mut output = BufReader::new(self.child.stdout.take().unwrap()).lines();
        while let Ok(Ok(Some(line))) = tokio::time::timeout(Duration::from_millis(500), output.next_line()).await {
            if line.trim().starts_with("tl_live_") {
                return Some(line.trim().to_owned());
            }
        }
        None
    }

    /// Scans a text and returns status and body.
    pub async fn detect(&self, key: &str, content: &str) -> (StatusCode, Value) {
        answer(self.post(key, &json!({"modality": "text", "input_type": "raw_text", "content": content}))).await
    }

    /// A request with a bearer token: a key or a sign-in's.
    pub fn request(&self, method: Method, token: &str, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(token)
    }

    /// A detect request with any body.
    pub fn post(&self, key: &str, body: &Value) -> RequestBuilder {
        self.client.post(format!("{}/v1/detect", self.url)).bearer_auth(key).json(body)
    }

    /// A GET of a path.
    pub fn get(&self, key: &str, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url)).bearer_auth(key)
    }

    /// Asks for a scan until it is final.
    pub async fn finished(&self, key: &str, id: &str) -> Value {
        for _ in 0..600 {
            let (_, scan) = answer(self.get(key, &format!("/v1/scans/{id}"))).await;
            if scan["status"] != "processing" {
                return scan;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("scan {id} did not end within a minute");
    }

    /// The most memory that the server has held so far, in MB (10⁶ bytes).
    pub fn peak_memory_mb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024 / 1_000_000
    }

    /// Stops the server as Ctrl-C does, and returns its exit code.
    pub async fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().unwrap().to_string();
        Command::new("kill").args(["-INT", &pid]).status().await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(40), self.child.wait()).await;
        ended.expect("the server drains and ends").unwrap().code()
    }
}

/// Sends a request; status and JSON body.
pub async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

/// Makes a key with the command line, as a script would.
pub async fn create_key(data: &Path, account: &str, plan: &str) -> String {
    let (code, out, err) =
        run(&["keys", "create", "--account", account, "--plan", plan, "--data-dir", &data.to_string_lossy()], "").await;
    assert_eq!(code, Some(0), "{err}");
    out.trim_end().to_owned()
}

/// The token that signing in to an account gives.
pub async fn sign_in(data: &Path, account: &str) -> String {
    let (code, out, err) = run(&["token", "--account", account, "--data-dir", &data.to_string_lossy()], "").await;
    assert_eq!(code, Some(0), "{err}");
    out.trim_end().to_owned()
}

/// The events that the server has told so far, once they are `count`; for at most 20 s.
pub async fn events(data: &Path, count: usize) -> Vec<Value> {
    for _ in 0..200 {
        let text = std::fs::read_to_string(data.join("events.jsonl")).unwrap_or_default();
        let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        if events.len() >= count {
            return events;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{count} events were not told");
}

/// Runs `truthlens` to its end: exit code, standard output, standard error.
pub async fn run(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    use tokio::io::AsyncWriteExt;
    let mut child = Command::new(binary("truthlens"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let (mut out, mut err) = (String::new(), String::new());
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (a, b) = tokio::join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err));
    a.and(b).unwrap();
    (child.wait().await.unwrap().code(), out, err)
}

/// A data folder.
pub fn data() -> TempDir {
    tempfile::tempdir().unwrap()
}
