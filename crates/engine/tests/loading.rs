//! From a pack on disk to readings: verification, absence, corruption, concurrent callers.

#![allow(clippy::unwrap_used, clippy::panic)]

use candle_core::{DType, Device};
use engine::files::ModelFiles;
use engine::gguf::Gguf;
use engine::models::bert::Bert;
use engine::{Engine, EngineError, PackFiles, Remote};
use scan::{Pack, Stage};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};

const FILES: [&str; 3] = ["config.json", "model.safetensors", "tokenizer.json"];

fn golden(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity/golden").join(model)
}

/// A pack folder with the golden BERT as its `roberta` stage, and a `binoculars` stage whose file is missing.
fn pack(window: usize) -> (tempfile::TempDir, Pack) {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("encoder")).unwrap();
    let mut files = String::new();
    for name in FILES {
        let bytes = std::fs::read(golden("bert").join(name)).unwrap();
        std::fs::write(root.path().join("encoder").join(name), &bytes).unwrap();
        let digest = hex::encode(Sha256::digest(&bytes));
        files += &format!(
            "{{ path = 'encoder/{name}', bytes = {}, sha256 = '{digest}', source = {{ bundled = {{}} }} }},",
            bytes.len()
        );
    }
    let calibration = "calibration = { features = [], mean = [], scale = [], linear = [], bias = 0.0 }";
    let manifest = format!(
        "name = 'test'
        version = '1'
        description = 'for tests'
        [text]
        blend = {{ weights = {{ roberta = 1.0, binoculars = 1.0 }} }}
        thresholds = {{ human = 0.4, ai_generated = 0.9 }}
        [stages.roberta]
        {calibration}
        model = {{ architecture = 'bert', directory = 'encoder', format = 'safetensors', input = {{ text = {{ window = {window}, max_windows = 3 }} }}, files = [{files}] }}
        [stages.binoculars]
        {calibration}
        model = {{ architecture = 'llama', directory = 'lm', format = 'gguf', input = {{ text = {{ window = 256, max_windows = 4 }} }},
            observer = {{ early_exit = {{ layers = [22] }} }},
            files = [{{ path = 'lm/absent.gguf', source = {{ bundled = {{}} }} }}] }}"
    );
    (root, Pack::parse(&manifest).unwrap())
}

fn load(root: &Path, pack: &Pack) -> Engine {
    Engine::load(pack, root, Device::Cpu).unwrap()
}

#[tokio::test]
async fn a_text_is_read_as_transformers_reads_it() {
    let (root, pack) = pack(30);
    let engine = load(root.path(), &pack);
    let golden: Value = serde_json::from_slice(&std::fs::read(golden("bert").join("golden.json")).unwrap()).unwrap();
    let text = golden["text"].as_str().unwrap();
    let reading = engine.read(Stage::Roberta, text).await.unwrap();
    let logit = |i: usize| golden["text_logits"][i].as_f64().unwrap();
    assert_eq!(reading.windows.len(), 1);
    assert!((reading.windows[0].features["logit"] - (logit(1) - logit(0))).abs() < 1e-4);
    assert_eq!(reading.windows[0].chars, 0..text.chars().count());
    assert!(engine.read(Stage::Roberta, "").await.unwrap().windows.is_empty());
}

#[tokio::test]
async fn a_long_text_is_cut_into_at_most_the_packs_windows() {
    let (root, pack) = pack(20);
    let engine = load(root.path(), &pack);
    let text = "Ünïcode wörds, again and again. ".repeat(40);
    let windows = engine.read(Stage::Roberta, &text).await.unwrap().windows;
    assert_eq!(windows.len(), 3);
    assert!(windows.iter().all(|w| w.tokens <= 20 && w.features["logit"].is_finite()));
    assert!(windows.is_sorted_by(|a, b| a.chars.end <= b.chars.start));
    assert_eq!(windows[2].chars.end, text.trim_end().chars().count());
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_callers_get_what_a_lone_one_gets() {
    let (root, pack) = pack(30);
    let engine = std::sync::Arc::new(load(root.path(), &pack));
    let text = |i: u8| format!("text {} by {}", char::from(b'a' + i), "someone ".repeat(i.into()));
    let calls: Vec<_> = (0..20)
        .map(|i| {
            let engine = std::sync::Arc::clone(&engine);
            tokio::spawn(async move { engine.read(Stage::Roberta, &text(i)).await.unwrap() })
        })
        .collect();
    for (i, call) in (0..20).zip(calls) {
        let alone = engine.read(Stage::Roberta, &text(i)).await.unwrap();
        for (a, b) in call.await.unwrap().windows.iter().zip(&alone.windows) {
            assert_eq!(a.chars, b.chars);
            assert!((a.features["logit"] - b.features["logit"]).abs() < 1e-4);
        }
    }
}

#[tokio::test]
async fn a_stage_without_its_files_is_absent_and_says_why() {
    let (root, pack) = pack(30);
    let engine = load(root.path(), &pack);
    assert_eq!(engine.stages().collect::<Vec<_>>(), [Stage::Roberta]);
    let reason = engine.absent(Stage::Binoculars).unwrap();
    assert!(reason.contains("absent.gguf is missing") && reason.contains("make models"), "{reason}");
    let error = engine.read(Stage::Binoculars, "Some text.").await.unwrap_err();
    assert!(matches!(error, EngineError::Absent { stage: Stage::Binoculars, .. }), "{error}");
    assert_eq!(engine.absent(Stage::Roberta), None);
}

#[test]
fn a_file_other_than_the_packs_is_never_loaded() {
    let (root, pack) = pack(30);
    let weights = root.path().join("encoder/model.safetensors");
    let good = std::fs::read(&weights).unwrap();
    let model = pack.stages[&Stage::Roberta].model.as_ref().unwrap();
    let verify = || PackFiles::Folder(root.path().into()).model(&model.files, "encoder").map(drop);

    let mut other = good.clone();
    other[good.len() - 1] ^= 1;
    std::fs::write(&weights, other).unwrap();
    assert!(matches!(verify(), Err(EngineError::WrongDigest { .. })));
    assert!(load(root.path(), &pack).absent(Stage::Roberta).unwrap().contains("SHA-256"));

    std::fs::write(&weights, &good[..good.len() / 2]).unwrap();
    assert!(matches!(verify(), Err(EngineError::WrongSize { .. })));

    std::fs::remove_file(&weights).unwrap();
    assert!(matches!(verify(), Err(EngineError::MissingFile { .. })));
}

#[test]
fn corrupt_files_are_errors_that_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    for name in FILES {
        std::fs::copy(golden("bert").join(name), folder.path().join(name)).unwrap();
    }
    let load = || {
        let files = ModelFiles::unverified(folder.path())?;
        let config = files.config()?;
        files.load(DType::F32, &Device::Cpu, |vb| Bert::load(vb, &config)).map(drop)
    };
    load().unwrap();

    let weights = std::fs::read(golden("bert").join("model.safetensors")).unwrap();
    for bad in [&weights[..weights.len() - 7], &weights[..5], b"", b"not safetensors at all"] {
        write("model.safetensors", bad);
        let error = load().unwrap_err();
        assert!(matches!(error, EngineError::Weights { .. }), "{error}");
        assert!(error.to_string().contains("model.safetensors"), "{error}");
    }
    write("model.safetensors", &std::fs::read(golden("llama").join("model.safetensors")).unwrap());
    assert!(matches!(load(), Err(EngineError::Weights { .. })));

    write("config.json", b"{\"hidden_size\": \"wide\"}");
    assert!(matches!(load(), Err(EngineError::Config { .. })));
    write("tokenizer.json", b"[]");
    let tokenizer = ModelFiles::unverified(folder.path()).unwrap().tokenizer();
    assert!(matches!(tokenizer, Err(EngineError::Tokenizer(_))));

    for bad in [
        &b"GGUF"[..],
        b"",
        b"GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        &[7; 4096],
    ] {
        write("model.gguf", bad);
        let error = Gguf::open(&folder.path().join("model.gguf")).map(drop).unwrap_err();
        assert!(matches!(error, EngineError::Weights { .. }), "{error}");
    }
    // A well-formed file of nothing: the header reads, but there is no Llama in it.
    write("model.gguf", &[b"GGUF\x03\0\0\0".as_slice(), &[0; 16]].concat());
    let empty = Gguf::open(&folder.path().join("model.gguf")).unwrap();
    assert!(matches!(empty.config(), Err(EngineError::Config { .. })));
}

/// A pack's folder, read as if it lay elsewhere; `break_off` ends every file after so many bytes.
struct Elsewhere {
    root: PathBuf,
    break_off: u64,
}

impl Remote for Elsewhere {
    fn open(&self, path: &str) -> std::io::Result<Box<dyn Read>> {
        Ok(Box::new(std::fs::File::open(self.root.join(path))?.take(self.break_off)))
    }
}

fn elsewhere(root: &Path, break_off: u64) -> PackFiles {
    PackFiles::Remote(std::sync::Arc::new(Elsewhere { root: root.into(), break_off }))
}

#[tokio::test]
async fn what_is_streamed_from_elsewhere_reads_texts_as_from_a_folder() {
    let (root, pack) = pack(30);
    let streamed = Engine::load_stages(&pack, &elsewhere(root.path(), u64::MAX), Device::Cpu, |_| true).unwrap();
    let text = "The quick brown fox.";
    let reading = streamed.read(Stage::Roberta, text).await.unwrap();
    assert_eq!(reading, load(root.path(), &pack).read(Stage::Roberta, text).await.unwrap());
    assert!(streamed.absent(Stage::Binoculars).unwrap().contains("missing"));
    let none = Engine::load_stages(&pack, &elsewhere(root.path(), 0), Device::Cpu, |stage| stage == Stage::Classifier);
    assert_eq!(none.unwrap().stages().count(), 0, "what is not wanted is not even opened");
}

#[test]
fn a_stream_that_breaks_off_goes_on_or_was_changed_is_never_loaded() {
    let (root, pack) = pack(30);
    let reason = |break_off: u64| {
        let engine = Engine::load_stages(&pack, &elsewhere(root.path(), break_off), Device::Cpu, |_| true);
        engine.map(|engine| engine.absent(Stage::Roberta).unwrap_or("loaded").to_owned())
    };
    assert_eq!(reason(u64::MAX).unwrap(), "loaded");
    assert!(reason(100).unwrap().contains("bytes but the pack says"));
    let weights = root.path().join("encoder/model.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    // The configuration comes whole; of the weights, a tensor breaks off.
    assert!(matches!(reason(whole.len() as u64 - 10), Err(EngineError::Weights { .. })));
    let mut longer = whole.clone();
    longer.push(0);
    std::fs::write(&weights, longer).unwrap();
    assert!(reason(u64::MAX).unwrap().contains("bytes but the pack says"));
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    std::fs::write(&weights, changed).unwrap();
    assert!(reason(u64::MAX).unwrap().contains("SHA-256"));
    let mut huge = whole;
    huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    std::fs::write(&weights, huge).unwrap();
    assert!(matches!(reason(u64::MAX), Err(EngineError::Weights { .. })));
}
