//! `truthlens quality`: how good a pack is, as a page with tables and diagrams.

use super::{DataArgs, PackArgs};
use crate::eval::rows;
use crate::quality::{Section, diagrams, markdown};
use anyhow::{Context, Result};
use clap::Args;
use std::path::{Path, PathBuf};

/// Write how good a pack is, from rows that `truthlens eval --rows` wrote: tables in Markdown, weak points first, and
/// diagrams in SVG. No content is judged anew.
#[derive(Args)]
pub struct Quality {
    /// A heading and the rows that stand below it, as in `"Text of today=recent.jsonl"`; may be given several times.
    #[arg(long = "section", value_name = "TITLE=ROWS.jsonl", required = true, value_parser = parse_section)]
    sections: Vec<(String, PathBuf)>,
    /// The page. Its diagrams go into the folder `quality` beside it.
    #[arg(long, value_name = "QUALITY.md")]
    out: PathBuf,
    #[command(flatten)]
    pack: PackArgs,
    #[command(flatten)]
    data_dir: DataArgs,
}

/// Below the page's folder.
const DIAGRAMS: &str = "quality";

impl Quality {
    /// Reads, measures, draws, writes.
    pub fn run(self) -> Result<()> {
        let (_, pack) = self.pack.open(&self.data_dir.data())?;
        let mut sections = Vec::new();
        for (title, path) in self.sections {
            let rows = rows::read(&path)?.into_iter().map(|measured| measured.row).collect();
            sections.push(Section::new(title, rows, &pack)?);
        }
        let diagrams = diagrams(&sections, &pack);
        let folder = self.out.parent().unwrap_or(Path::new("")).join(DIAGRAMS);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for diagram in &diagrams {
            write(&folder.join(&diagram.name), &diagram.svg)?;
        }
        write(&self.out, &markdown(&sections, &diagrams, &pack, DIAGRAMS))?;
        eprintln!("truthlens: wrote {} and {} diagrams beside it", self.out.display(), diagrams.len());
        Ok(())
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn parse_section(text: &str) -> Result<(String, PathBuf)> {
    let (title, path) = text.split_once('=').context("a section is TITLE=ROWS.jsonl")?;
    Ok((title.to_owned(), PathBuf::from(path)))
}
