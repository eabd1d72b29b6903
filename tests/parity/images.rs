//! The vision models, on the checkpoints and views that `make_golden.py` wrote.

use super::{assert_close, files, golden, read};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use engine::models::clip::{Clip, ClipTower};
use engine::models::vit::Vit;
use engine::models::{Arithmetic, ImageClassifier};
use engine::sight::Sight;
use engine::{Engine, EngineError};
use scan::{Pack, Pixels, Stage};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    pixels: Pixels,
    logits: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct Normalisation {
    image_mean: Vec<f32>,
    image_std: Vec<f32>,
}

/// A model's golden file, and its views as the model takes them.
fn images(name: &str) -> (Golden, Tensor) {
    let golden: Golden = read(&format!("{name}/golden.json"));
    let Normalisation { image_mean, image_std } = files(name).preprocessor().unwrap();
    let size = golden.pixels.size() as usize;
    let values = golden.pixels.views().flatten().enumerate();
    let values = values.map(|(i, &byte)| (f32::from(byte) / 255.0 - image_mean[i % 3]) / image_std[i % 3]);
    let shape = (golden.pixels.views().len(), size, size, 3);
    let images = Tensor::from_vec(values.collect(), shape, &Device::Cpu).unwrap();
    (golden, images)
}

fn agrees(name: &str, model: &dyn ImageClassifier, dtype: DType) {
    let (golden, images) = images(name);
    let logits = |images: &Tensor| {
        let logits = model.logits(&images.to_dtype(dtype).unwrap()).unwrap();
        logits.to_dtype(DType::F32).unwrap().to_vec2::<f32>().unwrap()
    };
    assert_eq!(model.size(), golden.pixels.size() as usize);
    let together = logits(&images);
    assert_eq!(together.len(), golden.logits.len());
    for (i, theirs) in golden.logits.iter().enumerate() {
        let alone = logits(&images.narrow(0, i, 1).unwrap());
        assert_close(&together[i], theirs, &format!("{name}, together, view {i}"));
        assert_close(&alone[0], theirs, &format!("{name}, alone, view {i}"));
    }
}

#[test]
fn vit_from_shards() {
    let files = files("vit");
    let config = files.config().unwrap();
    let model = files.load(DType::F32, &Device::Cpu, |vb| Vit::load(vb, &config)).unwrap();
    agrees("vit", &model, DType::F32);
}

#[test]
fn clip_with_a_linear_head() {
    let files = files("clip");
    let config = files.config().unwrap();
    let model = files.load(DType::F32, &Device::Cpu, |vb| Clip::load(vb, &config)).unwrap();
    agrees("clip", &model, DType::F32);
}

/// What the golden probe of CLIP's tower says: log-odds of AI, two families, and a map of 3 × 3 patches. Its weights are the
/// int8 ones of the ONNX file; in int8 arithmetic activations are rounded too.
#[test]
fn a_probe_of_clips_tower_from_onnx() {
    let (golden, images) = images("clip_probe");
    let files = files("clip_probe");
    let config = files.config().unwrap();
    for (arithmetic, tolerance) in [(Arithmetic::Float, 1e-4), (Arithmetic::Int8, 0.06)] {
        let load = |vb: VarBuilder| ClipTower::load(vb, &config, 3, arithmetic);
        let tower = files.onnx(DType::F32, &Device::Cpu, load).unwrap();
        let probe = super::files("clip_probe/probe");
        let sight = Sight::load(Box::new(tower), &probe, &[1, 3], DType::F32, &Device::Cpu).unwrap();
        for (i, theirs) in golden.logits.iter().enumerate() {
            let seen = sight.look(&images.narrow(0, i, 1).unwrap()).unwrap().remove(0);
            let families = seen.families.iter().map(|&logit| logit as f32);
            let ours: Vec<f32> = [seen.log_odds as f32].into_iter().chain(families).chain(seen.map).collect();
            assert_eq!(ours.len(), theirs.len());
            let size = theirs.iter().fold(0f32, |m, x| m.max(x.abs()));
            let worst = ours.iter().zip(theirs).fold(0f32, |m, (a, b)| m.max((a - b).abs()));
            assert!(worst <= tolerance * size, "{arithmetic:?}, view {i}: {worst} of {size}");
        }
    }
}

#[test]
fn a_tower_that_is_not_there_is_refused() {
    let files = files("clip_probe");
    let config = files.config().unwrap();
    let deeper = files.onnx(DType::F32, &Device::Cpu, |vb| ClipTower::load(vb, &config, 4, Arithmetic::Float));
    assert!(matches!(deeper, Err(EngineError::Weights { .. })));
    let other =
        super::files("clip").onnx(DType::F32, &Device::Cpu, |vb| ClipTower::load(vb, &config, 1, Arithmetic::Float));
    assert!(matches!(other, Err(EngineError::MissingFile { .. })));
}

/// An engine with a golden checkpoint as its classifier, told to show it views of `size` pixels.
fn engine(architecture: &str, name: &str, size: u32) -> Result<Engine, EngineError> {
    let calibration = "calibration = { features = [], mean = [], scale = [], linear = [], bias = 0.0 }";
    let files = std::fs::read_dir(golden(name)).unwrap().map(|entry| entry.unwrap().file_name());
    let files = files.map(|file| format!("{{ path = '{name}/{}', source = {{ bundled = {{}} }} }},", file.display()));
    let manifest = format!(
        "name = 'test'
        version = '1'
        description = 'for tests'
        [text]
        blend = {{ weights = {{ heuristics = 1.0 }} }}
        thresholds = {{ human = 0.4, ai_generated = 0.9 }}
        [stages.heuristics]
        {calibration}
        [stages.classifier]
        {calibration}
        [stages.classifier.model]
        architecture = '{architecture}'
        format = 'safetensors'
        directory = '{name}'
        input = {{ image = {{ size = {size}, views = 3 }} }}
        files = [{}]",
        files.collect::<String>()
    );
    Engine::load(&Pack::parse(&manifest).unwrap(), &golden(""), Device::Cpu)
}

#[tokio::test]
async fn the_classifier_stage_gives_log_odds_of_ai_for_every_view() -> Result<(), EngineError> {
    for (architecture, name) in [("vit", "vit"), ("clip", "clip")] {
        let Golden { pixels, logits } = read(&format!("{name}/golden.json"));
        let engine = engine(architecture, name, pixels.size())?;
        let look = || engine.look(Stage::Classifier, &pixels);
        let (first, second, third) = tokio::join!(look(), look(), look());
        for reading in [first, second, third] {
            let reading = reading?;
            assert_eq!(reading.windows.len(), logits.len());
            for (window, logits) in reading.windows.iter().zip(&logits) {
                // In the golden ViT, label 0 is the artificial one.
                let expected = logits[0] - logits.get(1).unwrap_or(&0.0);
                assert_close(&[window.features["logit"] as f32], &[expected], name);
                assert_eq!((window.chars.clone(), window.tokens), (0..0, 1));
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_a_classifier_cannot_look_at_is_refused() -> Result<(), EngineError> {
    let engine = engine("vit", "vit", 24)?;
    let small = Pixels::new(23, vec![0; 23 * 23 * 3]).unwrap();
    let refused = engine.look(Stage::Classifier, &small).await.unwrap_err();
    assert!(matches!(refused, EngineError::ViewSize { expected: 24, found: 23 }), "{refused}");
    let refused = engine.read(Stage::Classifier, "A text.").await.unwrap_err();
    assert!(matches!(refused, EngineError::Unsupported { .. }), "{refused}");
    let refused = engine.look(Stage::Roberta, &small).await.unwrap_err();
    assert!(matches!(refused, EngineError::Absent { .. }), "{refused}");
    Ok(())
}

#[test]
fn a_pack_that_does_not_fit_its_classifier_is_refused() {
    for (architecture, name, size) in [("vit", "vit", 32), ("bert", "vit", 24)] {
        let refused = engine(architecture, name, size).map(drop).unwrap_err();
        assert!(matches!(refused, EngineError::Unsupported { stage: Stage::Classifier, .. }), "{refused}");
    }
    // A single-logit network's file under another architecture's name.
    assert!(engine("clip", "vit", 24).is_err());
}
