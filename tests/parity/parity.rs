//! Every model against HF transformers, on the checkpoints and numbers that `make_golden.py` wrote.

#![allow(clippy::unwrap_used, clippy::panic)]

mod gemma3;
mod images;

use candle_core::{DType, Device};
use engine::features::features;
use engine::files::ModelFiles;
use engine::gguf::Gguf;
use engine::models::bert::Bert;
use engine::models::falcon;
use engine::models::llama;
use engine::models::roberta::Roberta;
use engine::models::{CausalLm, Packed, SequenceClassifier};
use engine::probe;
use engine::scoring::{Observer, Scorer, TokenScores};
use engine::tokenizer_gguf;
use engine::windows::Tokens;
use engine::{Engine, EngineError};
use scan::{Pack, Stage};
use serde::Deserialize;
use std::path::{Path, PathBuf};

const TOLERANCE: f32 = 1e-4;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity/golden").join(name)
}

fn read<T: serde::de::DeserializeOwned>(name: &str) -> T {
    serde_json::from_slice(&std::fs::read(golden(name)).unwrap()).unwrap()
}

fn files(name: &str) -> ModelFiles {
    ModelFiles::unverified(&golden(name)).unwrap()
}

fn packed(ids: &[Vec<u32>]) -> Packed {
    Packed::new(ids.iter().map(Vec::as_slice))
}

fn assert_close(ours: &[f32], theirs: &[f32], what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() <= TOLERANCE * b.abs().max(1.0), "{what}[{i}]: ours {a}, theirs {b}");
    }
}

#[derive(Deserialize)]
struct ClassifierGolden {
    ids: Vec<Vec<u32>>,
    logits: Vec<Vec<f32>>,
}

fn classifier_agrees(name: &str, model: &dyn SequenceClassifier) {
    let golden: ClassifierGolden = read(&format!("{name}/golden.json"));
    let together = model.logits(&packed(&golden.ids)).unwrap().to_vec2::<f32>().unwrap();
    assert_eq!(together.len(), golden.ids.len());
    for (i, ids) in golden.ids.iter().enumerate() {
        let alone = model.logits(&Packed::new([ids.as_slice()])).unwrap().to_vec2::<f32>().unwrap();
        assert_close(&together[i], &golden.logits[i], &format!("{name}, packed, sequence {i}"));
        assert_close(&alone[0], &golden.logits[i], &format!("{name}, alone, sequence {i}"));
    }
    let long = vec![5; model.max_tokens() + 1];
    assert!(model.logits(&Packed::new([long.as_slice()])).is_err(), "{name} takes more than its positions");
}

#[test]
fn bert() {
    for name in ["bert", "bert_relu"] {
        let files = files(name);
        let config = files.config().unwrap();
        let model = files.load(DType::F32, &Device::Cpu, |vb| Bert::load(vb, &config)).unwrap();
        classifier_agrees(name, &model);
    }
}

#[test]
fn roberta() {
    let files = files("roberta");
    let config = files.config().unwrap();
    let model = files.load(DType::F32, &Device::Cpu, |vb| Roberta::load(vb, &config)).unwrap();
    classifier_agrees("roberta", &model);
}

#[derive(Deserialize)]
struct CausalGolden {
    ids: Vec<Vec<u32>>,
    layers: Vec<usize>,
    early_exit: Vec<ScoresGolden>,
    second_model: Vec<ScoresGolden>,
}

#[derive(Deserialize)]
struct ScoresGolden {
    nll: Vec<f32>,
    entropy: Vec<f32>,
    variance: Vec<f32>,
    rank: Vec<f32>,
    cross: Vec<Vec<f32>>,
}

fn scores_agree(ours: &TokenScores, theirs: &ScoresGolden, what: &str) {
    assert_close(&ours.nll, &theirs.nll, &format!("{what}: nll"));
    assert_close(&ours.entropy, &theirs.entropy, &format!("{what}: entropy"));
    assert_close(&ours.variance, &theirs.variance, &format!("{what}: variance"));
    assert_close(&ours.rank, &theirs.rank, &format!("{what}: rank"));
    assert_eq!(ours.cross.len(), theirs.cross.len());
    for (ours, theirs) in ours.cross.iter().zip(&theirs.cross) {
        assert_close(ours, theirs, &format!("{what}: cross"));
    }
}

/// Packed, alone, and with the head applied to chunks of several sizes: always the same.
fn scorer_agrees(make: impl Fn() -> Scorer, ids: &[Vec<u32>], theirs: &[ScoresGolden], what: &str) {
    for chunk in [1, 7, 1000] {
        let ours = make().with_chunk(chunk).score(&packed(ids)).unwrap();
        assert_eq!(ours.len(), theirs.len());
        for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
            scores_agree(ours, theirs, &format!("{what}, packed, chunks of {chunk}, sequence {i}"));
        }
    }
    let scorer = make();
    for (ids, theirs) in ids.iter().zip(theirs) {
        let ours = scorer.score(&Packed::new([ids.as_slice()])).unwrap();
        scores_agree(&ours[0], theirs, &format!("{what}, alone"));
    }
}

fn llama(name: &str) -> Box<dyn CausalLm> {
    let files = files(name);
    let config = files.config().unwrap();
    Box::new(files.load(DType::F32, &Device::Cpu, |vb| llama::load(vb, &config)).unwrap())
}

fn falcon(name: &str) -> Box<dyn CausalLm> {
    let files = files(name);
    let config = files.config().unwrap();
    Box::new(files.load(DType::F32, &Device::Cpu, |vb| falcon::load(vb, &config)).unwrap())
}

fn causal_agrees(load: fn(&str) -> Box<dyn CausalLm>, performer: &str, observer: Option<&str>) {
    let golden: CausalGolden = read(&format!("{performer}/golden.json"));
    let early_exit = || Scorer::new(load(performer), Observer::Layers(golden.layers.clone())).unwrap();
    scorer_agrees(early_exit, &golden.ids, &golden.early_exit, &format!("{performer}, early exit"));
    if let Some(observer) = observer {
        let pair = || Scorer::new(load(performer), Observer::Model(load(observer))).unwrap();
        scorer_agrees(pair, &golden.ids, &golden.second_model, &format!("{performer}, {observer}"));
    }
}

#[test]
fn llama_with_tied_head() {
    causal_agrees(llama, "llama_tied", None);
}

#[test]
fn llama_with_its_own_head_and_a_second_model() {
    causal_agrees(llama, "llama", Some("llama_tied"));
}

#[test]
fn falcon_and_a_second_model() {
    causal_agrees(falcon, "falcon", None);
    causal_agrees(falcon, "falcon_instruct", Some("falcon"));
}

#[derive(Deserialize)]
struct ProbeGolden {
    layers: Vec<usize>,
    /// Per sequence: over every token but the first, and over those from the fourth on.
    logits: Vec<Vec<f64>>,
}

#[test]
fn a_probe_reads_the_states_of_its_layers_over_any_stretch() {
    let (causal, golden): (CausalGolden, ProbeGolden) = (read("llama/golden.json"), read("llama_probe/golden.json"));
    let load = |layers: &[usize]| probe::load(&files("llama_probe"), layers, 32, DType::F32, &Device::Cpu);
    for observer in [Observer::Layers(causal.layers.clone()), Observer::Model(llama("llama_tied"))] {
        let (projection, head) = load(&golden.layers).unwrap();
        let scorer = Scorer::new(llama("llama"), observer).unwrap().with_probe(projection).unwrap();
        for (scores, theirs) in scorer.score(&packed(&causal.ids)).unwrap().iter().zip(&golden.logits) {
            let ours = [0, 2].iter().filter(|start| **start < scores.len());
            let ours: Vec<f64> = ours.map(|start| head.logit(&scores.slice(*start..scores.len()).projected)).collect();
            assert_eq!(ours.len(), theirs.len());
            assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-4), "{ours:?} {theirs:?}");
        }
    }
    assert!(load(&[2]).is_err(), "weights of another width");
    let (projection, _) = load(&[3, 4]).unwrap();
    assert!(Scorer::new(llama("llama"), Observer::Layers(vec![1])).unwrap().with_probe(projection).is_err());
}

/// Half precision takes the tensor operations that a GPU runs, not the CPU's own kernels.
#[test]
fn half_precision_agrees_within_its_means() {
    let half = |name: &str| -> Box<dyn CausalLm> {
        let files = files(name);
        match name {
            "llama" => {
                let config = files.config().unwrap();
                Box::new(files.load(DType::F16, &Device::Cpu, |vb| llama::load(vb, &config)).unwrap())
            }
            _ => {
                let config = files.config().unwrap();
                Box::new(files.load(DType::F16, &Device::Cpu, |vb| falcon::load(vb, &config)).unwrap())
            }
        }
    };
    for name in ["llama", "falcon"] {
        let golden: CausalGolden = read(&format!("{name}/golden.json"));
        let scorer = Scorer::new(half(name), Observer::Layers(golden.layers.clone())).unwrap();
        for (ours, theirs) in scorer.score(&packed(&golden.ids)).unwrap().iter().zip(&golden.early_exit) {
            let pairs =
                [(&ours.nll, &theirs.nll), (&ours.entropy, &theirs.entropy), (&ours.cross[0], &theirs.cross[0])];
            for (ours, theirs) in pairs {
                assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 0.03), "{name}: {ours:?} {theirs:?}");
            }
        }
    }
}

#[test]
fn observers_that_do_not_fit_are_refused() {
    for layers in [vec![0], vec![4], vec![2, 1]] {
        assert!(Scorer::new(llama("llama"), Observer::Layers(layers)).is_err());
    }
}

#[derive(Deserialize)]
struct TextGolden {
    name: String,
    text: String,
    ids: Vec<u32>,
    log_perplexity: f64,
    cross_perplexity_22: f64,
    cross_perplexity_27: f64,
    entropy: f64,
}

/// The compact pack's language model.
fn smollm() -> PathBuf {
    model("SmolLM2-135M-Instruct.Q4_1.gguf")
}

/// A file in `TRUTHLENS_MODELS` or where `make models` puts it.
fn model(wanted: &str) -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.truthlens/models");
    let root = std::env::var_os("TRUTHLENS_MODELS").map_or(default, PathBuf::from);
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.file_name().is_some_and(|name| name == wanted) => return path,
                path if path.is_dir() => folders.push(path),
                _ => {}
            }
        }
    }
    panic!("{wanted} is not below {}; run `make models` first", root.display());
}

#[test]
fn smollm_from_gguf_tokenises_and_scores_as_pytorch_does() {
    let mut gguf = Gguf::open(&smollm()).unwrap();
    let config = gguf.config().unwrap();
    let tokenizer = tokenizer_gguf::tokenizer(&gguf).unwrap();
    let model = gguf.load(&config, DType::F32, &Device::Cpu, |vb| llama::load(vb, &config)).unwrap();
    let scorer = Scorer::new(Box::new(model), Observer::Layers(vec![22, 27])).unwrap();
    let golden: Vec<TextGolden> = read("smollm.json");
    for text in &golden {
        assert_eq!(Tokens::new(&tokenizer, &text.text).unwrap().ids, text.ids, "{}", text.name);
    }
    let batch = Packed::new(golden.iter().map(|text| text.ids.as_slice()));
    for (scores, text) in scorer.score(&batch).unwrap().iter().zip(&golden) {
        let ours = features(scores, &["_22".into(), "_27".into()]);
        let pairs = [
            ("log_perplexity", text.log_perplexity),
            ("cross_perplexity_22", text.cross_perplexity_22),
            ("cross_perplexity_27", text.cross_perplexity_27),
            ("entropy", text.entropy),
        ];
        for (name, theirs) in pairs {
            assert!((ours[name] - theirs).abs() < 1e-3, "{}: {name} is {}, not {theirs}", text.name, ours[name]);
        }
    }
}

#[tokio::test]
async fn smollm_as_a_stage_gives_windows_and_segments() -> Result<(), EngineError> {
    let path = smollm();
    let folder = path.parent().and_then(Path::file_name).unwrap().to_string_lossy().into_owned();
    let root = path.parent().and_then(Path::parent).unwrap();
    let calibration = "calibration = { features = [], mean = [], scale = [], linear = [], bias = 0.0 }";
    let manifest = format!(
        "name = 'test'
        version = '1'
        description = 'for tests'
        [text]
        blend = {{ weights = {{ binoculars = 1.0 }} }}
        thresholds = {{ human = 0.4, ai_generated = 0.9 }}
        [stages.binoculars]
        {calibration}
        [stages.binoculars.model]
        architecture = 'llama'
        format = 'gguf'
        directory = '{folder}'
        input = {{ text = {{ window = 256, max_windows = 2 }} }}
        observer = {{ early_exit = {{ layers = [22] }} }}
        files = [{{ path = '{folder}/SmolLM2-135M-Instruct.Q4_1.gguf', source = {{ bundled = {{}} }} }}]"
    );
    let engine = Engine::load(&Pack::parse(&manifest).unwrap(), root, Device::Cpu)?;
    let golden: Vec<TextGolden> = read("smollm.json");

    let short = engine.read(Stage::Binoculars, &golden[0].text).await?;
    assert_eq!((short.windows.len(), short.segments.len()), (1, 1));
    assert!((short.windows[0].features["log_perplexity"] - golden[0].log_perplexity).abs() < 1e-3);
    assert_eq!(short.windows[0].features.len(), 15);
    assert_eq!(short.windows[0].features, short.segments[0].features);

    let text = golden.iter().map(|g| g.text.as_str()).collect::<Vec<_>>().join(" ").repeat(6);
    let reading = engine.read(Stage::Binoculars, &text).await?;
    assert_eq!(reading.windows.len(), 2);
    assert!(reading.segments.len() > 2);
    assert!(reading.windows.is_sorted_by(|a, b| a.chars.end <= b.chars.start));
    assert!(reading.segments.is_sorted_by(|a, b| a.chars.end <= b.chars.start));
    for window in &reading.windows {
        let inside = |c: &usize| (window.chars.start..=window.chars.end).contains(c);
        let own = reading.segments.iter().filter(|s| inside(&s.chars.start) && inside(&s.chars.end));
        assert_eq!(own.map(|s| s.tokens).sum::<usize>(), window.tokens);
        assert!(window.tokens <= 256 && window.features.values().all(|x| x.is_finite()));
    }

    for (text, windows) in [("", 0), ("a", 0), ("a b", 1)] {
        let reading = engine.read(Stage::Binoculars, text).await?;
        assert_eq!(reading.windows.len(), windows, "{text}");
        assert!(reading.windows.iter().all(|w| w.features.values().all(|x| x.is_finite())));
    }
    Ok(())
}
