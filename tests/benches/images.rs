//! `make bench`: what the README says of images, measured in one run on this machine.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use detectors::image::{Limits, decode, frequency, metadata, squares};
use end_to_end::peer::median;
use end_to_end::product::{answer, data};
use end_to_end::{Peer, Product, packs, pictures};
use engine::{Device, Engine};
use scan::{Pack, Stage};
use serde_json::json;
use std::time::Instant;

const RUNS: usize = 7;
/// Width, height and name of the JPEGs.
const SIZES: [(u32, u32, &str); 3] = [(1216, 832, "1 MP"), (4000, 3000, "12 MP"), (8192, 6144, "50 MP")];
/// Side of the classifier's views and of the spectrum's crop.
const VIEW: u32 = 224;
const CROP: u32 = 320;

#[tokio::main]
async fn main() {
    let threads = std::thread::available_parallelism().unwrap().get();
    println!("{threads} threads, median of {RUNS} runs\n");
    let folder = packs::compact();
    let pack = Pack::parse(&std::fs::read_to_string(folder.join("pack.toml")).unwrap()).unwrap();
    let engine = Engine::load(&pack, &folder, Device::Cpu).unwrap();
    inline_stages(&engine).await;
    spectrum_against_scipy();
    classifier_against_torch(&engine, threads).await;
    hundred_megapixels().await;
}

/// Median milliseconds of a piece of work, after one run to warm up.
fn milliseconds<T>(work: impl Fn() -> T) -> f64 {
    work();
    let run = |_| {
        let start = Instant::now();
        std::hint::black_box(work());
        start.elapsed().as_secs_f64() * 1e3
    };
    median((0..RUNS).map(run).collect())
}

async fn inline_stages(engine: &Engine) {
    println!("| JPEG, ms | decode | metadata | frequency | views | classifier | inline stages / decode |");
    println!("|---|---|---|---|---|---|---|");
    for (width, height, name) in SIZES {
        let file = pictures::photo(width, height, 1);
        let picture = decode(&file, &Limits::default()).unwrap();
        let decoding = milliseconds(|| decode(&file, &Limits::default()).unwrap());
        let metadata = milliseconds(|| metadata::provenance(&file, picture.format, picture.stealth));
        let frequency = milliseconds(|| frequency::measure(&picture.rgb));
        let views = milliseconds(|| squares(&picture.rgb, VIEW, 1).unwrap());
        let pixels = squares(&picture.rgb, VIEW, 1).unwrap();
        let mut classifier = Vec::new();
        for _ in 0..=RUNS {
            let start = Instant::now();
            engine.look(Stage::Classifier, &pixels).await.unwrap();
            classifier.push(start.elapsed().as_secs_f64() * 1e3);
        }
        let classifier = median(classifier.split_off(1));
        let ratio = (decoding + metadata + frequency) / decoding;
        println!(
            "| {name} | {decoding:.1} | {metadata:.2} | {frequency:.1} | {views:.1} | {classifier:.1} | {ratio:.2} |"
        );
    }
    println!();
}

/// Ours and a peer's seconds in turn; medians, and the median of the ratios (more than 1: ours is faster).
fn compare(what: &str, ours: Vec<f64>, theirs: Vec<f64>, peer: &str) {
    let ratios = ours.iter().zip(&theirs).map(|(ours, theirs)| theirs / ours).collect();
    let (ours, theirs, ratio) = (median(ours) * 1e3, median(theirs) * 1e3, median(ratios));
    println!("{what}, ms: ours {ours:.2}, {peer} {theirs:.2}, ratio {ratio:.2}");
}

fn spectrum_against_scipy() {
    let picture = pictures::scene(CROP, CROP);
    let mut scipy = Peer::start("spectrum_with_scipy.py", &[CROP.to_string()]);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        theirs.push(scipy.round());
        let start = Instant::now();
        std::hint::black_box(frequency::measure(&picture));
        ours.push(start.elapsed().as_secs_f64());
    }
    compare("frequency stage, 320 × 320", ours, theirs, "numpy and scipy (transform and radial mean alone)");
}

async fn classifier_against_torch(engine: &Engine, threads: usize) {
    for views in [1usize, 8] {
        let arguments = [threads.to_string(), views.to_string(), VIEW.to_string()];
        let mut torch = Peer::start("classify_with_torch.py", &arguments);
        let view = pictures::scene(VIEW, VIEW).into_raw();
        let pixels = scan::Pixels::new(VIEW, view.repeat(views)).unwrap();
        engine.look(Stage::Classifier, &pixels).await.unwrap();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..3 * RUNS {
            theirs.push(torch.round());
            let start = Instant::now();
            engine.look(Stage::Classifier, &pixels).await.unwrap();
            ours.push(start.elapsed().as_secs_f64());
        }
        compare(&format!("classifier, {views} view(s)"), ours, theirs, "PyTorch f32");
    }
}

/// The largest image that is taken, through the whole product.
async fn hundred_megapixels() {
    let data = data();
    let product = Product::start(data.path(), &packs::compact(), &[]).await;
    let key = product.demo_key.clone().unwrap();
    let before = product.peak_memory_mb();
    let content = STANDARD.encode(pictures::smooth(10_000, 10_000));
    let body = json!({"modality": "image", "input_type": "upload", "content": content});
    let start = Instant::now();
    let (status, scan) = answer(product.post(&key, &body)).await;
    assert!(status == 200, "{scan}");
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "\n100 MP JPEG over HTTP: {seconds:.1} s; peak memory of the server {before} MB before, {} MB after",
        product.peak_memory_mb()
    );
}
