//! `truthlens inspect`: what an image file says of its own origin, no pack needed.

use super::read_file;
use anyhow::{Context, Result, ensure};
use clap::Args;
use detectors::image::{DecodeError, Limits, decode, metadata, sniff};
use scan::{Evidence, ImageFormat, Strength};
use serde::Serialize;
use std::path::PathBuf;

/// Print what an image file says of its own origin, without judging its pixels.
///
/// Lists each statement with its strength (proof, strong, hint), its kind, where it stands and which standard defines
/// it. Needs no model pack and no server.
#[derive(Args)]
pub struct Inspect {
    /// An image file (JPEG, PNG, WEBP, GIF, BMP; told by its content), or - for standard input.
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// Print JSON: the file's format, and the evidence as scans have it in `details.evidence`.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Inspection {
    format: ImageFormat,
    evidence: Vec<Evidence>,
}

impl Inspect {
    /// Reads and prints.
    pub fn run(self) -> Result<()> {
        let file = read_file(&self.file, scan::image::MAX_BYTES)?;
        ensure!(file.len() <= scan::image::MAX_BYTES, service::ServiceError::ImageTooLarge);
        let format = sniff(&file).ok_or(DecodeError::Unsupported).with_context(|| self.file.display().to_string())?;
        // A picture that cannot be decoded may still have metadata that can be read.
        let stealth = decode(&file, &Limits::default()).ok().and_then(|picture| picture.stealth);
        let evidence = metadata::provenance(&file, format, stealth).evidence();
        let inspection = Inspection { format, evidence };
        if self.json {
            println!("{}", serde_json::to_string_pretty(&inspection)?)
        } else {
            print(&inspection)
        }
        Ok(())
    }
}

fn print(inspection: &Inspection) {
    if inspection.evidence.is_empty() {
        println!(
            "This {} says nothing of its origin, like most that are generated and most that are not.",
            inspection.format
        );
    }
    for evidence in &inspection.evidence {
        println!("{:<7} {}", worth(evidence.strength), evidence.statement);
        let named = [("generator", &evidence.generator), ("version", &evidence.version), ("model", &evidence.model)];
        for (name, value) in named {
            value.iter().for_each(|value| println!("        {name:<10} {value}"));
        }
        println!("        {:<10} {}", "found in", evidence.found_in);
        println!("        {:<10} {}", "standard", evidence.standard);
        println!("        {:<10} {}", "forgeable", if evidence.forgeable { "yes" } else { "no" });
    }
}

fn worth(strength: Strength) -> &'static str {
    match strength {
        Strength::Proof => "proof",
        Strength::Strong => "strong",
        Strength::Hint => "hint",
    }
}
