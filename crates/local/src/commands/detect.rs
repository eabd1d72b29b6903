//! `truthlens detect`: one text, no server.

use super::{DataArgs, PackArgs, judge};
use anyhow::{Context, Result};
use clap::Args;
use scan::{ScanReport, Stage, Text};
use std::io::Read;
use std::path::PathBuf;
use time::OffsetDateTime;

/// More bytes than any text within the limit of characters has.
const MAX_BYTES: u64 = 4 * scan::text::MAX_CHARACTERS as u64 + 1;

/// Judge one text, without a server.
///
/// Prints a short report, or with --json the object that the API answers.
#[derive(Args)]
pub struct Detect {
    /// A text file in UTF-8, or - for standard input.
    #[arg(value_name = "PATH|-")]
    path: PathBuf,
    /// Print the API's JSON instead of the report.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pack: PackArgs,
    #[command(flatten)]
    data: DataArgs,
}

impl Detect {
    /// Judges and prints.
    pub async fn run(self) -> Result<()> {
        let text = Text::parse(self.read()?)?;
        let judged = judge(&self.pack, &self.data.data()).await?.judge(&text, None).await?;
        let report = ScanReport::new(&judged.scan, OffsetDateTime::now_utc());
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?)
        } else {
            print(&report)
        }
        Ok(())
    }

    fn read(&self) -> Result<String> {
        let mut bytes = Vec::new();
        let read = if self.path.as_os_str() == "-" {
            std::io::stdin().lock().take(MAX_BYTES).read_to_end(&mut bytes)
        } else {
            std::fs::File::open(&self.path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes))
        };
        read.with_context(|| format!("cannot read {}", self.path.display()))?;
        // Cut off inside a character, it would be called malformed rather than too long.
        let whole =
            if bytes.len() as u64 == MAX_BYTES { bytes.utf8_chunks().next().map(|c| c.valid().into()) } else { None };
        match whole {
            Some(long) => Ok(long),
            None => String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8 text", self.path.display())),
        }
    }
}

fn print(report: &ScanReport) {
    println!("{}", report.explanation);
    println!();
    println!("  verdict     {}", report.verdict.as_deref().unwrap_or("none"));
    println!("  confidence  {} (probability of AI)", report.confidence.map_or("none".into(), |c| format!("{c:.2}")));
    for stage in Stage::ALL {
        let score = match stage {
            Stage::Heuristics => report.details.heuristic_score,
            Stage::Roberta => report.details.roberta_score,
            _ => report.details.binoculars_score,
        };
        println!("  {:<11} {}", stage.name(), score.map_or("did not run".into(), |s| format!("{s:.2}")));
    }
    if let Some(features) = &report.details.features {
        println!("  words       {}", features.word_count);
    }
    for segment in &report.segments {
        println!("  characters  {}–{}: {:.2}", segment.start, segment.end, segment.score);
    }
    for warning in &report.warnings {
        println!("  note        {}", warning.message);
    }
    println!("  judged by   {}, {} ms", report.model_pack, report.latency_ms);
}
