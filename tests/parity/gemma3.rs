//! Gemma 3's residual stream, past its window and short of its depth, and a probe of it.

use super::{ProbeGolden, assert_close, files, llama, model, packed, read};
use candle_core::{DType, Device, Tensor};
use engine::gguf::Gguf;
use engine::models::gemma3::Gemma3;
use engine::models::{Backbone, Packed};
use engine::probe::{self, Reader};
use engine::tokenizer_gguf;
use serde::Deserialize;
use std::ops::Range;

#[derive(Deserialize)]
struct StatesGolden {
    ids: Vec<Vec<u32>>,
    layers: Vec<usize>,
    /// By sequence, then layer: `[n, hidden]`, flat.
    states: Vec<Vec<Vec<f32>>>,
}

fn gemma3(layers: usize, dtype: DType) -> Gemma3 {
    let files = files("gemma3");
    let config = files.config().unwrap();
    files.load(dtype, &Device::Cpu, |vb| Gemma3::load(vb, &config, layers)).unwrap()
}

/// The states of each sequence, by layer, flat.
fn states(model: &dyn Backbone, ids: &[Vec<u32>], layers: &[usize]) -> Vec<Vec<Vec<f32>>> {
    let (batch, hidden) = (packed(ids), model.hidden_size());
    let states = model.states(&batch, layers).unwrap();
    let flat = |state: &Tensor| state.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    let states: Vec<Vec<f32>> = states.iter().map(flat).collect();
    let of_sequence = |span: &Range<usize>| {
        states.iter().map(|state| state[span.start * hidden..span.end * hidden].to_vec()).collect()
    };
    batch.spans().iter().map(of_sequence).collect()
}

#[test]
fn gemma3_past_its_window_packed_and_alone() {
    let (golden, model): (StatesGolden, _) = (read("gemma3/golden.json"), gemma3(4, DType::F32));
    let together = states(&model, &golden.ids, &golden.layers);
    for (i, ids) in golden.ids.iter().enumerate() {
        let alone = states(&model, std::slice::from_ref(ids), &golden.layers);
        for (j, theirs) in golden.states[i].iter().enumerate() {
            let what = format!("sequence {i}, layer {}", golden.layers[j]);
            assert_close(&together[i][j], theirs, &format!("gemma3, packed, {what}"));
            assert_close(&alone[0][j], theirs, &format!("gemma3, alone, {what}"));
        }
    }
}

#[test]
fn gemma3_stops_after_the_last_layer_that_is_wanted() {
    let golden: StatesGolden = read("gemma3/golden.json");
    let first = gemma3(2, DType::F32);
    assert_eq!(first.layers(), 2);
    for (ours, theirs) in states(&first, &golden.ids, &[2]).iter().zip(&golden.states) {
        assert_close(&ours[0], &theirs[1], "gemma3, two layers of four");
    }
    for wanted in [&[3][..], &[0], &[2, 1]] {
        assert!(first.states(&packed(&golden.ids), wanted).is_err(), "{wanted:?} of two layers");
    }
    let files = files("gemma3");
    let config = files.config().unwrap();
    for layers in [0, 5] {
        assert!(files.load(DType::F32, &Device::Cpu, |vb| Gemma3::load(vb, &config, layers)).is_err());
    }
}

#[test]
fn a_probe_reads_the_residual_stream_of_any_backbone() {
    let (golden, probed): (StatesGolden, ProbeGolden) = (read("gemma3/golden.json"), read("gemma3_probe/golden.json"));
    let load = || probe::load(&files("gemma3_probe"), &probed.layers, 32, DType::F32, &Device::Cpu).unwrap();
    let (projection, head) = load();
    let reader = Reader::new(Box::new(gemma3(4, DType::F32)), projection).unwrap();
    for (projected, theirs) in reader.read(&packed(&golden.ids)).unwrap().iter().zip(&probed.logits) {
        let ours: Vec<f64> = [1, 3]
            .iter()
            .filter(|&&start| start < projected.len())
            .map(|&start| head.logit(&projected[start..]))
            .collect();
        assert_eq!(ours.len(), theirs.len());
        assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-4), "{ours:?} {theirs:?}");
    }
    assert!(Reader::new(Box::new(gemma3(2, DType::F32)), load().0).is_err(), "layers that are not loaded");
    let (projection, _) = probe::load(&files("llama_probe"), &[2, 3], 32, DType::F32, &Device::Cpu).unwrap();
    assert!(Reader::new(llama("llama"), projection).is_ok(), "a language model is a backbone too");
}

#[test]
fn gemma3_in_half_precision_agrees_within_its_means() {
    let golden: StatesGolden = read("gemma3/golden.json");
    let ours = states(&gemma3(4, DType::F16), &golden.ids, &golden.layers);
    for (ours, theirs) in ours.iter().flatten().zip(golden.states.iter().flatten()) {
        let largest = theirs.iter().fold(0f32, |m, x| m.max(x.abs()));
        assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 0.02 * largest), "{largest}");
    }
}

#[derive(Deserialize)]
struct MeansGolden {
    name: String,
    text: String,
    ids: Vec<u32>,
    layers: Vec<usize>,
    /// By layer: the first components of the mean over all tokens but the first.
    means: Vec<Vec<f32>>,
}

#[test]
#[ignore = "no pack names Gemma 3 yet; put gemma-3-270m-q4_k_m.gguf below TRUTHLENS_MODELS"]
fn gemma3_from_gguf_tokenises_and_reads_as_transformers_does() {
    let gguf = Gguf::open(&model("gemma-3-270m-q4_k_m.gguf")).unwrap();
    let (config, tokenizer) = (gguf.gemma3_config().unwrap(), tokenizer_gguf::tokenizer(&gguf).unwrap());
    let model = gguf.gemma3(&config, 10, DType::F32, &Device::Cpu).unwrap();
    let golden: Vec<MeansGolden> = read("gemma3_270m.json");
    for text in &golden {
        assert_eq!(tokenizer.encode(text.text.as_str(), true).unwrap().get_ids(), text.ids, "{}", text.name);
    }
    for text in &golden {
        let of_layers = model.states(&Packed::new([text.ids.as_slice()]), &text.layers).unwrap();
        for (state, theirs) in of_layers.iter().zip(&text.means) {
            let mean = state.narrow(0, 1, text.ids.len() - 1).unwrap().mean(0).unwrap().to_vec1::<f32>().unwrap();
            for (ours, theirs) in mean.iter().zip(theirs) {
                assert!((ours - theirs).abs() < 5e-3, "{}: {ours} {theirs}", text.name);
            }
        }
    }
}
