//! `truthlens models`: model packs.

use super::DataArgs;
use crate::models::{Progress, list, pull, verify};
use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// Fetch, list and verify model packs.
#[derive(Args)]
pub struct Models {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Put a pack together in the data folder: copies what the repository holds, fetches the rest (resuming where an
    /// earlier pull was cut off), and checks every file's size and SHA-256.
    Pull {
        /// The pack's name.
        #[arg(default_value = "compact")]
        pack: String,
        #[command(flatten)]
        folders: Folders,
    },
    /// List the packs that can be had and how much of each is here.
    List {
        #[command(flatten)]
        folders: Folders,
    },
    /// Check every file of a pack in the data folder.
    Verify {
        /// The pack's name.
        #[arg(default_value = "compact")]
        pack: String,
        #[command(flatten)]
        folders: Folders,
    },
}

#[derive(Args)]
struct Folders {
    /// Folder with the packs' manifests and bundled files; the repository's `models` unless told.
    #[arg(long, value_name = "FOLDER", env = "TRUTHLENS_PACKS")]
    packs: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

impl Folders {
    fn packs(&self) -> PathBuf {
        let here = || Path::new("models").is_dir().then(|| PathBuf::from("models"));
        let source = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
        self.packs.clone().or_else(here).unwrap_or_else(source)
    }
}

impl Models {
    /// Carries the action out.
    pub async fn run(self) -> Result<()> {
        match self.action {
            Action::Pull { pack, folders } => {
                let data = folders.data.data();
                data.create()?;
                let folder = pull(&folders.packs().join(&pack), &data, Progress::stderr()).await?;
                eprintln!("truthlens: pack {pack} is complete in {}", folder.display());
            }
            Action::List { folders } => {
                for listing in list(&folders.packs(), &folders.data.data())? {
                    println!("{listing}");
                }
            }
            Action::Verify { pack, folders } => {
                let files = verify(&folders.data.data().pack(&pack))?;
                files.iter().for_each(|file| println!("{file}"));
                if let Some(bad) = files.iter().find(|file| !file.state.is_usable()) {
                    bail!("{} is not as it should be; mend it with `truthlens models pull {pack}`", bad.path);
                }
            }
        }
        Ok(())
    }
}
