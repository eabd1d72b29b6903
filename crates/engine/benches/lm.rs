//! Tokens per second of the language-model stage's scoring, against `lm.py` beside this file.
//!
//!     cargo bench -p engine --bench lm -- PATH/TO/SmolLM2-135M-Instruct.Q4_1.gguf [windows]

use candle_core::{DType, Device};
use engine::gguf::Gguf;
use engine::models::Packed;
use engine::models::llama::Llama;
use engine::scoring::{Observer, Scorer};
use std::error::Error;
use std::time::Instant;

/// Tokens per window, as in the compact pack.
const WINDOW: u32 = 256;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    let path = arguments.next().ok_or("which GGUF file?")?;
    let windows = arguments.next().map_or(Ok(2), |n| n.parse::<u32>())?;
    let mut gguf = Gguf::open(path.as_ref())?;
    let config = gguf.config()?;
    let model = gguf.load(&config, DType::F32, &Device::Cpu, |vb| Llama::load(vb, &config))?;
    let scorer = Scorer::new(Box::new(model), Observer::Layers(vec![22]))?;
    // The speed does not depend on what the tokens are; `lm.py` makes the same ones.
    let ids: Vec<u32> = (0..windows * WINDOW).map(|i| (i * 7919 + 13) % 49_152).collect();
    let batch = Packed::new(ids.chunks(WINDOW as usize));
    scorer.score(&batch)?;
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let began = Instant::now();
        let scores = scorer.score(&batch)?;
        best = best.min(began.elapsed().as_secs_f64());
        let mean = scores[0].nll.iter().sum::<f32>() / scores[0].len() as f32;
        println!("{:.1} tokens/s (log-perplexity {mean:.4})", ids.len() as f64 / best);
    }
    Ok(())
}
