//! `make bench`: what the README's performance table says, measured in one run on this machine.

use api::Settings;
use end_to_end::peer::median;
use end_to_end::product::data;
use end_to_end::{Peer, Product, Stack, packs, texts};
use engine::{Device, Engine};
use futures::future::join_all;
use scan::{Pack, Plan, Stage, Text};
use serde_json::json;
use service::Judge;
use std::sync::Arc;
use std::time::{Duration, Instant};

const RUNS: usize = 7;
const LENGTHS: [usize; 3] = [50, 300, 1000];

#[tokio::main]
async fn main() {
    let threads = std::thread::available_parallelism().unwrap().get();
    println!("{threads} threads, median of {RUNS} runs\n");
    let folder = packs::compact();
    let pack = Arc::new(Pack::parse(&std::fs::read_to_string(folder.join("pack.toml")).unwrap()).unwrap());
    let engine = Arc::new(Engine::load(&pack, &folder, Device::Cpu).unwrap());
    latency(&Judge::new(pack, engine.clone())).await;
    api_alone().await;
    against_torch(&engine, &folder.join("lm/SmolLM2-135M-Instruct.Q4_1.gguf"), threads).await;
}

/// A text of so many words.
fn words(n: usize) -> Text {
    Text::parse(texts::MODEL.split_whitespace().cycle().take(n).collect::<Vec<_>>().join(" ")).unwrap()
}

/// Each stage alone in this process, and the whole request over HTTP to a server in another.
async fn latency(judge: &Judge) {
    let data = data();
    let product = Product::start(data.path(), &packs::compact(), &[]).await;
    let key = product.demo_key.clone().unwrap();
    println!("| latency, ms | 50 words | 300 words | 1,000 words |\n|---|---|---|---|");
    for stage in [Stage::Heuristics, Stage::Roberta, Stage::Binoculars] {
        let mut row = format!("| {stage} |");
        for n in LENGTHS {
            let text = words(n);
            judge.text(&text, Some(stage)).await.unwrap();
            let mut seconds = Vec::new();
            for _ in 0..RUNS {
                let start = Instant::now();
                judge.text(&text, Some(stage)).await.unwrap();
                seconds.push(start.elapsed().as_secs_f64());
            }
            row += &format!(" {:.1} |", median(seconds) * 1e3);
        }
        println!("{row}");
    }
    let mut row = "| whole request |".to_owned();
    for n in LENGTHS {
        let text = words(n);
        let mut seconds = Vec::new();
        for _ in 0..=RUNS {
            let start = Instant::now();
            let (status, scan) = product.detect(&key, text.as_str()).await;
            assert!(status == 200, "{scan}");
            seconds.push(start.elapsed().as_secs_f64());
        }
        row += &format!(" {:.1} |", median(seconds.split_off(1)) * 1e3);
    }
    println!("{row}\n\npeak memory of the server: {} MB\n", product.peak_memory_mb());
}

/// Requests a second of the API with the heuristics stage alone: authentication, rate, quota, storage, and no model.
async fn api_alone() {
    const CLIENTS: usize = 16;
    const REQUESTS: usize = 100;
    let folder = data();
    let stack = Stack::start(&packs::heuristics(folder.path()), Duration::from_secs(60)).await;
    let mut settings = Settings { wait_budget: Duration::ZERO, ..Settings::default() };
    settings.detect.rates.detect = u64::MAX / 2;
    let url = format!("{}/v1/detect", stack.serve(settings).await);
    let account = stack.account("bench", Plan::Business).await;
    let key = stack.key(&account).await;
    let body = json!({"modality": "text", "input_type": "raw_text", "content": words(300).as_str()});
    let start = Instant::now();
    join_all((0..CLIENTS).map(|_| async {
        let client = reqwest::Client::new();
        for _ in 0..REQUESTS {
            let response = client.post(&url).bearer_auth(&key).json(&body).send().await.unwrap();
            assert!(response.status() == 200);
        }
    }))
    .await;
    let rate = (CLIENTS * REQUESTS) as f64 / start.elapsed().as_secs_f64();
    println!("api alone, heuristics only, 300 words, {CLIENTS} clients: {rate:.0} requests/s\n");
}

/// Our scoring and PyTorch's in turn: the same weights, windows and threads.
async fn against_torch(engine: &Engine, gguf: &std::path::Path, threads: usize) {
    const WINDOWS: usize = 4;
    const TOKENS: usize = 256;
    let arguments = [gguf.display().to_string()].into_iter().chain([threads, WINDOWS, TOKENS].map(|n| n.to_string()));
    let mut torch = Peer::start("score_with_torch.py", &arguments.collect::<Vec<_>>());
    // Words enough for exactly the same number of tokens, to within a window's rounding.
    let text = words(WINDOWS * TOKENS * 3 / 4);
    engine.read(Stage::Binoculars, text.as_str()).await.unwrap();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        theirs.push((WINDOWS * TOKENS) as f64 / torch.round());
        let start = Instant::now();
        let reading = engine.read(Stage::Binoculars, text.as_str()).await.unwrap();
        let tokens: usize = reading.windows.iter().map(|window| window.tokens).sum();
        ours.push(tokens as f64 / start.elapsed().as_secs_f64());
    }
    let ratios = ours.iter().zip(&theirs).map(|(a, b)| a / b).collect();
    println!(
        "binoculars scoring, tokens/s: ours {:.0}, PyTorch f32 {:.0}, ratio {:.2}",
        median(ours),
        median(theirs),
        median(ratios)
    );
}
