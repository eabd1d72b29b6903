//! A Gemma 3 in a GGUF file: quantised weights, as many layers as are asked for, and its tokenizer.

#![allow(clippy::unwrap_used, clippy::panic)]

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::VarBuilder;
use engine::gguf::Gguf;
use engine::models::gemma3::{Config, Gemma3};
use engine::models::{Backbone, Packed};
use engine::windows::Tokens;
use engine::{EngineError, PackFiles, tokenizer_gguf};
use scan::pack::ModelSpec;
use std::collections::{BTreeMap, HashMap};
use std::io::Cursor;
use std::path::Path;

const HIDDEN: usize = 256;
const INNER: usize = 512;
const HEADS: usize = 4;
const DIM: usize = 64;
const LAYERS: usize = 7;
const WINDOW: usize = 6;

/// One of each quantisation in the 270M's file, by what it is used for there.
const PARTS: [(&str, &str, [usize; 2], GgmlDType); 7] = [
    ("self_attn.q_proj", "attn_q", [HEADS * DIM, HIDDEN], GgmlDType::Q5_0),
    ("self_attn.k_proj", "attn_k", [DIM, HIDDEN], GgmlDType::Q5_0),
    ("self_attn.v_proj", "attn_v", [DIM, HIDDEN], GgmlDType::Q8_0),
    ("self_attn.o_proj", "attn_output", [HIDDEN, HEADS * DIM], GgmlDType::Q4K),
    ("mlp.gate_proj", "ffn_gate", [INNER, HIDDEN], GgmlDType::Q5_0),
    ("mlp.up_proj", "ffn_up", [INNER, HIDDEN], GgmlDType::Q5_0),
    ("mlp.down_proj", "ffn_down", [HIDDEN, INNER], GgmlDType::Q6K),
];
const NORMS: [(&str, &str, usize); 6] = [
    ("input_layernorm", "attn_norm", HIDDEN),
    ("self_attn.q_norm", "attn_q_norm", DIM),
    ("self_attn.k_norm", "attn_k_norm", DIM),
    ("post_attention_layernorm", "post_attention_norm", HIDDEN),
    ("pre_feedforward_layernorm", "ffn_norm", HIDDEN),
    ("post_feedforward_layernorm", "post_ffw_norm", HIDDEN),
];

/// What a GGUF file says, and the same weights expanded, under HF's names.
struct Fixture {
    metadata: BTreeMap<String, Value>,
    tensors: BTreeMap<String, QTensor>,
    expanded: HashMap<String, Tensor>,
}

impl Fixture {
    fn new() -> Self {
        let metadata = metadata();
        let Value::Array(tokens) = &metadata["tokenizer.ggml.tokens"] else { panic!("tokens are a list") };
        let vocabulary = tokens.len();
        let mut fixture = Self { metadata, tensors: BTreeMap::new(), expanded: HashMap::new() };
        fixture.add("embed_tokens".into(), "token_embd".into(), &random(&[vocabulary, HIDDEN], 0.1), GgmlDType::Q8_0);
        for i in 0..LAYERS {
            for (hf, gguf, shape, quantisation) in PARTS {
                fixture.add(format!("layers.{i}.{hf}"), format!("blk.{i}.{gguf}"), &random(&shape, 0.1), quantisation);
            }
            for (hf, gguf, width) in NORMS {
                let weight = random(&[width], 0.2);
                let factor = (&weight + 1.0).unwrap();
                let factor = QTensor::quantize(&factor, GgmlDType::F32).unwrap();
                fixture.tensors.insert(format!("blk.{i}.{gguf}.weight"), factor);
                fixture.expanded.insert(format!("model.layers.{i}.{hf}.weight"), weight);
            }
        }
        fixture
    }

    fn add(&mut self, hf: String, gguf: String, weight: &Tensor, quantisation: GgmlDType) {
        let quantised = QTensor::quantize(weight, quantisation).unwrap();
        self.expanded.insert(format!("model.{hf}.weight"), quantised.dequantize(&Device::Cpu).unwrap());
        self.tensors.insert(format!("{gguf}.weight"), quantised);
    }

    fn file(&self) -> Vec<u8> {
        let metadata: Vec<(&str, &Value)> = self.metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
        let tensors: Vec<(&str, &QTensor)> =
            self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        let mut file = Cursor::new(Vec::new());
        gguf_file::write(&mut file, &metadata, &tensors).unwrap();
        file.into_inner()
    }

    fn gguf(&self) -> Gguf {
        Gguf::read(Path::new("fixture.gguf"), Cursor::new(self.file())).unwrap()
    }

    fn config(&self) -> std::result::Result<Config, EngineError> {
        self.gguf().gemma3_config()
    }

    fn load(&self, layers: usize) -> std::result::Result<Gemma3, EngineError> {
        let gguf = self.gguf();
        let config = gguf.gemma3_config()?;
        gguf.gemma3(&config, layers, DType::F32, &Device::Cpu)
    }
}

fn random(shape: &[usize], spread: f32) -> Tensor {
    Tensor::randn(0f32, spread, shape, &Device::Cpu).unwrap()
}

fn metadata() -> BTreeMap<String, Value> {
    let number = |n: usize| Value::U32(n as u32);
    let mut tokens: Vec<(String, i32)> = ["<pad>", "<eos>", "<bos>", "<unk>"].map(|token| (token.into(), 3)).into();
    tokens.extend(["\n", "\n\n", "  ", "   ", "<b>"].map(|token| (token.into(), 4)));
    tokens.extend((0..=255u8).map(|byte| (format!("<0x{byte:02X}>"), 6)));
    // Pieces in the order of their merging, then single characters.
    tokens.extend(["he", "▁t", "▁the", "▁th", "re", "▁▁there", "本語"].map(|token| (token.into(), 1)));
    tokens.extend("▁abcdehorstwy本語é".chars().map(|c| (c.into(), 1)));
    let (tokens, kinds): (Vec<_>, Vec<_>) =
        tokens.into_iter().map(|(t, kind)| (Value::String(t), Value::I32(kind))).unzip();
    let scores = tokens.iter().map(|_| Value::F32(-1000.0)).collect();
    [
        ("general.architecture", Value::String("gemma3".into())),
        ("gemma3.embedding_length", number(HIDDEN)),
        ("gemma3.feed_forward_length", number(INNER)),
        ("gemma3.block_count", number(LAYERS)),
        ("gemma3.attention.head_count", number(HEADS)),
        ("gemma3.attention.head_count_kv", number(1)),
        ("gemma3.attention.key_length", number(DIM)),
        ("gemma3.attention.value_length", number(DIM)),
        ("gemma3.attention.layer_norm_rms_epsilon", Value::F32(1e-6)),
        ("gemma3.attention.sliding_window", number(WINDOW)),
        ("gemma3.rope.freq_base", Value::F32(1e6)),
        ("tokenizer.ggml.model", Value::String("llama".into())),
        ("tokenizer.ggml.pre", Value::String("default".into())),
        ("tokenizer.ggml.tokens", Value::Array(tokens)),
        ("tokenizer.ggml.token_type", Value::Array(kinds)),
        ("tokenizer.ggml.scores", Value::Array(scores)),
        ("tokenizer.ggml.bos_token_id", number(2)),
        ("tokenizer.ggml.unknown_token_id", number(3)),
        ("tokenizer.ggml.add_bos_token", Value::Bool(true)),
        ("tokenizer.ggml.add_space_prefix", Value::Bool(false)),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

fn states(model: &dyn Backbone, layers: &[usize]) -> Result<Vec<Vec<f32>>> {
    let (long, short): (Vec<u32>, _) = ((0..40).map(|i| i * 7 % 260).collect(), [9, 8, 7]);
    let states = model.states(&Packed::new([&long[..], &short]), layers)?;
    states.iter().map(|state| state.flatten_all()?.to_vec1()).collect()
}

#[test]
fn weights_that_stay_quantised_give_the_states_of_their_expansion() {
    let fixture = Fixture::new();
    let vb = VarBuilder::from_tensors(fixture.expanded.clone(), DType::F32, &Device::Cpu);
    let expanded = Gemma3::load(vb, &fixture.config().unwrap(), LAYERS).unwrap();
    // The sixth layer sees everything, those around it a window.
    let layers = [1, 5, 6, 7];
    let theirs = states(&expanded, &layers).unwrap();
    for (ours, theirs) in states(&fixture.load(LAYERS).unwrap(), &layers).unwrap().iter().zip(&theirs) {
        assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-4));
    }
}

#[test]
fn only_the_layers_that_are_wanted_are_read_from_the_file() {
    let mut fixture = Fixture::new();
    let whole = states(&fixture.load(LAYERS).unwrap(), &[3]).unwrap();
    fixture.tensors.retain(|name, _| !name.starts_with("blk.3."));
    assert_eq!(states(&fixture.load(3).unwrap(), &[3]).unwrap(), whole);
    assert!(matches!(fixture.load(4), Err(EngineError::Weights { .. })), "a layer that is not there");
    assert!(matches!(fixture.load(LAYERS + 1), Err(EngineError::Weights { .. })), "more layers than the file has");
    let narrow = QTensor::quantize(&random(&[DIM, 32], 1.0), GgmlDType::Q5_0).unwrap();
    fixture.tensors.insert("blk.0.attn_k.weight".into(), narrow);
    assert!(matches!(fixture.load(1), Err(EngineError::Weights { .. })), "a tensor of another shape");
}

#[test]
fn a_file_that_ends_early_is_refused_when_it_is_loaded() {
    let (fixture, path) = (Fixture::new(), Path::new("cut.gguf"));
    let file = fixture.file();
    // The embedding table is the last tensor by name.
    let gguf = Gguf::read(path, Cursor::new(file[..file.len() - 200].to_vec())).unwrap();
    let config = gguf.gemma3_config().unwrap();
    assert!(matches!(gguf.gemma3(&config, 1, DType::F32, &Device::Cpu), Err(EngineError::Weights { .. })));
}

#[test]
fn metadata_that_cannot_be_a_gemma3_is_refused() {
    type Change = (&'static str, Option<Value>);
    let changes: [Change; 6] = [
        ("general.architecture", Some(Value::String("llama".into()))),
        ("gemma3.rope.scaling.type", Some(Value::String("linear".into()))),
        ("gemma3.attention.value_length", Some(Value::U32(32))),
        ("gemma3.attention.sliding_window", Some(Value::U32(0))),
        ("gemma3.attention.head_count_kv", Some(Value::U32(3))),
        ("gemma3.block_count", None),
    ];
    for (key, value) in changes {
        let mut fixture = Fixture::new();
        match value {
            Some(value) => fixture.metadata.insert(key.into(), value),
            None => fixture.metadata.remove(key),
        };
        assert!(fixture.load(1).is_err(), "{key}");
    }
}

#[test]
fn the_tokenizer_merges_as_sentencepiece_does() {
    let tokenizer = tokenizer_gguf::tokenizer(&Fixture::new().gguf()).unwrap();
    let pieces = |text: &str| tokenizer.encode(text, false).unwrap().get_tokens().to_vec();
    // No space is put before the text, and earlier tokens merge first.
    assert_eq!(pieces("there the"), ["t", "he", "re", "▁the"]);
    // User-defined tokens are matched whole; control tokens are characters that someone typed.
    assert_eq!(pieces("a<b>\n\n\nb"), ["a", "<b>", "\n\n", "\n", "b"]);
    assert!(pieces("<eos>").len() > 1);
    // Runs of spaces, which the file spells as such.
    assert_eq!(pieces("a   b    c"), ["a", "▁▁▁", "b", "▁▁", "▁▁", "c"]);
    // Bytes where there is no character.
    assert_eq!(pieces("日本語"), ["<0xE6>", "<0x97>", "<0xA5>", "本語"]);
    let framed = tokenizer.encode("a", true).unwrap();
    assert_eq!((&framed.get_ids()[..1], framed.get_special_tokens_mask()), (&[2][..], &[1, 0][..]));
    let tokens = Tokens::new(&tokenizer, "é 日本語 the").unwrap();
    let spans: Vec<_> = (0..tokens.ids.len()).map(|i| tokens.span(&(i..i + 1))).collect();
    assert!(spans.is_sorted_by(|a, b| a.end <= b.start), "{spans:?}");
    assert_eq!(spans.last().unwrap().end, 9);
}

#[test]
fn a_tokenizer_that_makes_no_sense_is_refused() {
    let refused = |key: &str, value: Value| {
        let mut fixture = Fixture::new();
        fixture.metadata.insert(key.into(), value);
        tokenizer_gguf::tokenizer(&fixture.gguf()).map(drop).unwrap_err().to_string()
    };
    assert!(refused("tokenizer.ggml.model", Value::String("t5".into())).contains("t5"));
    assert!(refused("tokenizer.ggml.add_space_prefix", Value::Bool(true)).contains("space"));
    assert!(refused("tokenizer.ggml.bos_token_id", Value::U32(1_000_000)).contains("bos_token_id"));
    assert!(refused("tokenizer.ggml.token_type", Value::Array(vec![Value::I32(1)])).contains("without a type"));
}

#[test]
fn a_pack_gives_a_backbone_with_its_tokenizer() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("lm")).unwrap();
    std::fs::write(root.path().join("lm/gemma.gguf"), Fixture::new().file()).unwrap();
    let spec: ModelSpec = serde_json::from_value(serde_json::json!({
        "architecture": "gemma3",
        "directory": "lm",
        "format": "gguf",
        "input": { "text": { "window": 64, "max_windows": 1 } },
        "files": [{ "path": "lm/gemma.gguf", "source": { "bundled": {} } }],
    }))
    .unwrap();
    let files = PackFiles::Folder(root.path().into());
    let load = |layers| engine::stages::language_models::backbone(&spec, "lm", &files, layers, &Device::Cpu);
    let (model, tokenizer) = load(2).unwrap();
    assert_eq!((model.layers(), model.hidden_size()), (2, HIDDEN));
    let ids = tokenizer.encode("the there", true).unwrap().get_ids().to_vec();
    let states = model.states(&Packed::new([&ids[..]]), &[2]).unwrap();
    assert_eq!(states[0].dims(), [ids.len(), HIDDEN]);
    assert!(load(LAYERS + 1).is_err());
}
