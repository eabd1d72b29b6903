//! Packs to run the product with: the real compact one, and small ones made here.

use crate::workspace;
use std::path::{Path, PathBuf};

/// The compact pack as `make models` put it together.
pub fn compact() -> PathBuf {
    let root =
        std::env::var_os("TRUTHLENS_MODELS").map_or_else(|| workspace().join(".truthlens/models"), PathBuf::from);
    let pack = root.join("compact");
    assert!(pack.join("pack.toml").is_file(), "{} is not there; run `make models`", pack.display());
    pack
}

/// A pack with the heuristics stage alone: no model, so that a test of everything else starts at once.
pub fn heuristics(folder: &Path) -> PathBuf {
    let pack = folder.join("heuristics-pack");
    std::fs::create_dir_all(&pack).unwrap();
    std::fs::write(pack.join("pack.toml"), HEURISTICS).unwrap();
    pack
}

/// A copy of the compact pack in which the files below `without` are missing.
pub fn compact_without(folder: &Path, without: &str) -> PathBuf {
    let (from, to) = (compact(), folder.join("incomplete-pack"));
    let manifest = std::fs::read_to_string(from.join("pack.toml")).unwrap();
    let pack = scan::Pack::parse(&manifest).unwrap();
    let names = pack.files().map(|file| file.path.as_str()).chain(["pack.toml"]);
    for name in names.filter(|name| !name.starts_with(without)) {
        let target = to.join(name);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(from.join(name).canonicalize().unwrap(), target).unwrap();
    }
    to
}

/// A pack with the inline stages of both modalities and no model.
pub fn inline(folder: &Path) -> PathBuf {
    let pack = folder.join("inline-pack");
    std::fs::create_dir_all(&pack).unwrap();
    std::fs::write(pack.join("pack.toml"), [HEURISTICS, INLINE_IMAGE].concat()).unwrap();
    pack
}

/// A pack whose text scans await a neural stage beside the heuristics. Its model is nowhere: no worker can run it.
pub fn waiting(folder: &Path) -> PathBuf {
    let pack = folder.join("waiting-pack");
    std::fs::create_dir_all(&pack).unwrap();
    let manifest = HEURISTICS.replace("heuristics = 1.0", "heuristics = 0.5, roberta = 0.5");
    std::fs::write(pack.join("pack.toml"), [&manifest, ROBERTA].concat()).unwrap();
    pack
}

const ROBERTA: &str = r#"
[stages.roberta]
calibration = { features = ["logit"], mean = [0.0], scale = [1.0], linear = [1.0], bias = 0.0 }
model = { architecture = "bert", directory = "x", format = "safetensors", input = { text = { window = 254, max_windows = 1 } }, files = [] }
"#;

const INLINE_IMAGE: &str = r#"
[image]
blend = { weights = { metadata = 0.3, frequency = 0.2 } }
thresholds = { human = 0.35, ai_generated = 0.8 }
proven = 0.95
[stages.metadata.calibration]
features = ["proven", "camera"]
mean = [0.0, 0.0]
scale = [1.0, 1.0]
linear = [20.0, -1.0]
bias = 0.0
[stages.frequency.calibration]
features = ["fft_smoothness"]
mean = [0.5]
scale = [0.2]
linear = [0.1]
bias = 0.0
"#;

const HEURISTICS: &str = r#"
name = "heuristics-only"
version = "1"
description = "for tests"
[text]
blend = { weights = { heuristics = 1.0 } }
thresholds = { human = 0.4, ai_generated = 0.8 }
[stages.heuristics.calibration]
features = ["model_favourite_rate"]
mean = [0.02]
scale = [0.02]
linear = [1.0]
bias = 0.0
"#;
