//! `truthlens detect`: one text or image, no server.

use super::{DataArgs, PackArgs, heatmap, judge, read_file};
use anyhow::{Context, Result, bail};
use clap::Args;
use scan::report::Details;
use scan::sighting::AttributionReport;
use scan::{ScanReport, Text};
use service::ServiceError;
use std::path::PathBuf;
use time::OffsetDateTime;

/// More bytes than any text within the limit of characters has.
const MAX_TEXT_BYTES: usize = 4 * scan::text::MAX_CHARACTERS + 1;

/// Judge one text or image, without a server.
///
/// Prints a short report, or with --json the object that the API answers.
#[derive(Args)]
pub struct Detect {
    /// A text file in UTF-8 or an image file (JPEG, PNG, WEBP, GIF, BMP; told by its content), or - for standard input.
    #[arg(value_name = "PATH|-")]
    path: PathBuf,
    /// Print the API's JSON instead of the report.
    #[arg(long)]
    json: bool,
    /// Draw where in the image the classifier's evidence lies, and save it there (.png or .jpg).
    #[arg(long, value_name = "PATH")]
    heatmap: Option<PathBuf>,
    #[command(flatten)]
    pack: PackArgs,
    #[command(flatten)]
    data: DataArgs,
}

impl Detect {
    /// Judges and prints.
    pub async fn run(self) -> Result<()> {
        let content = read_file(&self.path, scan::image::MAX_BYTES)?;
        let judge = judge(&self.pack, &self.data.data()).await?;
        let drawn = self.heatmap.as_ref().map(|path| (path, content.clone()));
        let judged = match detectors::image::sniff(&content) {
            Some(_) => {
                if content.len() > scan::image::MAX_BYTES {
                    return Err(ServiceError::ImageTooLarge.into());
                }
                judge.image(content, None).await?
            }
            None => judge.text(&Text::parse(self.text(content)?)?, None).await?,
        };
        let report = ScanReport::new(&judged.scan, OffsetDateTime::now_utc());
        if let Some((path, file)) = drawn {
            let Details::Image(image) = &report.details else { bail!("there is a map of images only") };
            let map = image.heatmap.as_ref().context("the pack's classifier draws no map, or did not run")?;
            heatmap::draw(map, &file, path)?;
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?)
        } else {
            print(&report)
        }
        Ok(())
    }

    fn text(&self, mut bytes: Vec<u8>) -> Result<String> {
        if bytes.len() >= MAX_TEXT_BYTES {
            // Cut off inside a character, it would be called malformed rather than too long.
            bytes.truncate(MAX_TEXT_BYTES);
            if let Some(chunk) = bytes.utf8_chunks().next() {
                return Ok(chunk.valid().to_owned());
            }
        }
        let neither = || format!("{} is neither UTF-8 text nor an image that is read", self.path.display());
        String::from_utf8(bytes).with_context(neither)
    }
}

fn print(report: &ScanReport) {
    println!("{}", report.explanation);
    println!();
    println!("  verdict     {}", report.verdict.as_deref().unwrap_or("none"));
    println!("  confidence  {} (probability of AI)", report.confidence.map_or("none".into(), |c| format!("{c:.2}")));
    for (stage, score) in report.details.scores() {
        println!("  {:<11} {}", stage.name(), score.map_or("did not run".into(), |s| format!("{s:.2}")));
    }
    match &report.details {
        Details::Text(text) => text.features.iter().for_each(|f| println!("  words       {}", f.word_count)),
        Details::Image(image) => {
            image.features.iter().for_each(|f| println!("  image       {} {}×{}", f.format, f.width, f.height));
        }
    }
    if let Details::Image(image) = &report.details
        && let Some(AttributionReport { name, confidence, .. }) = &image.attribution
    {
        match confidence {
            None => println!("  made with   {name}"),
            Some(confidence) => println!("  looks like  {name} ({confidence:.2})"),
        }
    }
    for evidence in report.details.evidence() {
        println!("  evidence    {} ({})", evidence.statement, evidence.found_in);
    }
    for segment in &report.segments {
        println!("  characters  {}–{}: {:.2}", segment.start, segment.end, segment.score);
    }
    for warning in &report.warnings {
        println!("  note        {}", warning.message);
    }
    println!("  judged by   {}, {} ms", report.model_pack, report.latency_ms);
}
