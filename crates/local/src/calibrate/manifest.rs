//! The fitted numbers in the pack's manifest; everything else in it, comments included, stays as it is.

use super::Calibrated;
use scan::pack::PackError;
use scan::{CalibrationParameters, Modality, Pack};
use toml_edit::{Array, DocumentMut, InlineTable, Item, TableLike, Value, value};

/// What marks the version of a pack whose numbers `truthlens calibrate` wrote.
const MARK: &str = "-calibrated.";

/// The manifest cannot be written anew.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not TOML.
    #[error("pack.toml: {0}")]
    Toml(#[from] toml_edit::TomlError),
    /// A table is not where the manifest's reader found it.
    #[error("pack.toml: `{0}` is not a table")]
    Table(String),
    /// The numbers do not make a pack.
    #[error(transparent)]
    Pack(#[from] PackError),
}

/// The manifest with the new numbers and a new version.
pub fn rewrite(manifest: &str, modality: Modality, fitted: &Calibrated) -> Result<String, ManifestError> {
    let mut document: DocumentMut = manifest.parse()?;
    let root = document.as_table_mut();
    for (stage, fit) in &fitted.stages {
        let calibration = table(table(table(root, "stages")?, stage.name())?, "calibration")?;
        write_calibration(calibration, fit.calibration.parameters());
    }
    let policy = table(root, modality_name(modality))?;
    let blend = table(policy, "blend")?;
    let weights = table(blend, "weights")?;
    for (stage, weight) in fitted.blend.weights() {
        set(weights, stage.name(), *weight);
    }
    if let Some(platt) = fitted.blend.calibration() {
        let calibration = table(blend, "calibration")?;
        set(calibration, "slope", platt.slope);
        set(calibration, "intercept", platt.intercept);
    }
    let thresholds = table(policy, "thresholds")?;
    set(thresholds, "human", fitted.thresholds.human().value());
    set(thresholds, "ai_generated", fitted.thresholds.ai_generated().value());
    let version = root.get("version").and_then(Item::as_str).map(next_version).unwrap_or_default();
    set(root, "version", version);
    let manifest = document.to_string();
    Pack::parse(&manifest)?;
    Ok(manifest)
}

fn write_calibration(calibration: &mut dyn TableLike, parameters: &CalibrationParameters) {
    let CalibrationParameters { features: _, mean, scale, linear, quadratic, bias } = parameters;
    for (name, numbers) in [("mean", mean), ("scale", scale), ("linear", linear)] {
        set(calibration, name, Array::from_iter(numbers.iter().copied()));
    }
    // A plain calibration may leave the list out.
    if !quadratic.is_empty() {
        set(calibration, "quadratic", Array::from_iter(quadratic.iter().copied()));
    }
    set(calibration, "bias", *bias);
}

/// The table of that name, written out or inline; made if it is not there.
fn table<'a>(parent: &'a mut dyn TableLike, name: &str) -> Result<&'a mut dyn TableLike, ManifestError> {
    if !parent.contains_key(name) {
        close_gap(parent);
    }
    let item = parent.entry(name).or_insert(Item::Value(Value::InlineTable(InlineTable::new())));
    item.as_table_like_mut().ok_or_else(|| ManifestError::Table(name.to_owned()))
}

/// Takes the space before an inline table's closing brace away, where a comma is about to stand.
fn close_gap(table: &mut dyn TableLike) {
    let Some(last) = table.iter_mut().last().and_then(|(_, item)| item.as_value_mut()) else { return };
    let decor = last.decor_mut();
    if decor.suffix().and_then(|suffix| suffix.as_str()).is_some_and(|suffix| suffix.trim().is_empty()) {
        decor.set_suffix("");
    }
}

/// Sets a value; what stood around it, such as a comment behind it, stays.
fn set(table: &mut dyn TableLike, name: &str, new: impl Into<Value>) {
    let mut new: Value = new.into();
    match table.get_mut(name).and_then(Item::as_value_mut) {
        Some(old) => {
            *new.decor_mut() = old.decor().clone();
            *old = new;
        }
        None => {
            table.insert(name, value(new));
        }
    }
}

fn modality_name(modality: Modality) -> &'static str {
    match modality {
        Modality::Text => "text",
        Modality::Image => "image",
    }
}

/// `2026.11.2` → `2026.11.2-calibrated.1` → `2026.11.2-calibrated.2`.
fn next_version(version: &str) -> String {
    let calibrated = version.rsplit_once(MARK).and_then(|(base, n)| Some((base, n.parse::<u32>().ok()?)));
    let (base, n) = calibrated.unwrap_or((version, 0));
    format!("{base}{MARK}{}", n.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::stage::StageFit;
    use scan::{Blend, Calibration, Platt, Probability, Stage, Thresholds};
    use std::collections::BTreeMap;

    fn fitted() -> Calibrated {
        let parameters = CalibrationParameters {
            features: vec!["model_favourite_rate".into()],
            mean: vec![0.125],
            scale: vec![2.0],
            linear: vec![1.5],
            quadratic: vec![],
            bias: -0.5,
        };
        let p = |x| Probability::new(x).unwrap();
        let calibration = Calibration::try_from(parameters).unwrap();
        Calibrated {
            stages: BTreeMap::from([(
                Stage::Heuristics,
                StageFit { calibration, strength: 1.0, out_of_sample: vec![] },
            )]),
            blend: Blend::new(BTreeMap::from([(Stage::Heuristics, 1.0)]), Some(Platt { slope: 2.0, intercept: 0.25 }))
                .unwrap(),
            thresholds: Thresholds::new(p(0.3), p(0.905)).unwrap(),
            rows: vec![],
            short: 0,
        }
    }

    const WRITTEN_OUT: &str = "# My pack.\nname = \"mine\"\nversion = \"1\" # the first\ndescription = \"d\"\n\n\
        [stages.heuristics.calibration]\n# What it reads.\nfeatures = [\"model_favourite_rate\"]\nmean = [0.0]\n\
        scale = [1.0]\nlinear = [1.0]\nquadratic = []\nbias = 0.0 # even\n\n\
        [text]\nblend = { weights = { heuristics = 0.2 } }\n\
        thresholds = { human = 0.4, ai_generated = 0.8 } # guessed\n";

    #[test]
    fn numbers_change_and_comments_stay() {
        let new = rewrite(WRITTEN_OUT, Modality::Text, &fitted()).unwrap();
        for kept in ["# My pack.", "# the first", "# What it reads.", "# even", "# guessed"] {
            assert!(new.contains(kept), "{kept} in {new}");
        }
        assert!(new.contains("{ heuristics = 1.0 }, calibration = { slope = 2.0"), "{new}");
        let pack = Pack::parse(&new).unwrap();
        let fitted = fitted();
        assert_eq!(pack.stages[&Stage::Heuristics].calibration, fitted.stages[&Stage::Heuristics].calibration);
        assert_eq!((&pack.text.blend, pack.text.thresholds), (&fitted.blend, fitted.thresholds));
        assert_eq!(pack.version, "1-calibrated.1");
        let again = Pack::parse(&rewrite(&new, Modality::Text, &fitted).unwrap()).unwrap();
        assert_eq!(again.version, "1-calibrated.2");
    }

    #[test]
    fn inline_tables_are_written_as_well_and_what_is_no_pack_is_refused() {
        let inline = "name = \"mine\"\nversion = \"1\"\ndescription = \"d\"\n\
            text = { blend = { weights = { heuristics = 1 } }, thresholds = { human = 0.4, ai_generated = 0.8 } }\n\
            stages = { heuristics = { calibration = { features = [\"model_favourite_rate\"], mean = [0.0], \
            scale = [1.0], linear = [1.0], bias = 0.0 } } }\n";
        let pack = Pack::parse(&rewrite(inline, Modality::Text, &fitted()).unwrap()).unwrap();
        assert_eq!(pack.text.thresholds, fitted().thresholds);
        assert!(rewrite("name = ", Modality::Text, &fitted()).is_err());
        assert!(rewrite("stages = 1", Modality::Text, &fitted()).unwrap_err().to_string().contains("`stages`"));
        assert!(rewrite("", Modality::Text, &fitted()).is_err());
    }
}
