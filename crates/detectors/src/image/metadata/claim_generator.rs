//! Who made a C2PA claim, by the name that people know.

use super::assertions::actions;
use super::clean;
use c2pa::Manifest;

/// Libraries that sign for others, with the product behind those that have but one, by the words of their names.
const LIBRARIES: [(&str, Option<&str>); 8] = [
    ("google c2pa core generator library", Some("Google AI")),
    ("microsoft responsible ai", Some("Microsoft Designer")),
    ("c2pa rs", None),
    ("c2pa tool", None),
    ("c2patool", None),
    ("c2pa python", None),
    ("c2pa node", None),
    ("c2pa", None),
];

/// What made the claim, without its version: the product, where a library signed for it.
pub(super) fn generator(manifest: &Manifest) -> Option<String> {
    let infos = manifest.claim_generator_info.iter().flatten().filter_map(|info| clean(&info.name.replace('_', " ")));
    // A user agent: `Adobe_Photoshop/25.0 (build …) c2pa-rs/0.31`.
    let agent = manifest.claim_generator.as_ref();
    let agent = agent.and_then(|agent| agent.split(['/', ' ']).find_map(|name| clean(&name.replace('_', " "))));
    let names: Vec<String> = infos.chain(agent).collect();
    let product = names.iter().find(|name| library(name).is_none()).cloned();
    let known = || names.iter().find_map(|name| library(name)?).map(str::to_owned);
    product.or_else(|| acting(manifest)).or_else(known).or_else(|| names.first().cloned())
}

/// Whether a name is a library's, and if so, which product is behind it.
fn library(name: &str) -> Option<Option<&'static str>> {
    let name = name.to_lowercase().replace(['-', '_'], " ");
    LIBRARIES.iter().find(|(library, _)| name == *library).map(|(_, product)| *product)
}

/// The program or model that an action names: a string in actions' first version, an object in the second.
fn acting(manifest: &Manifest) -> Option<String> {
    actions(manifest).find_map(|action| {
        let agent = action.agent?;
        let name = agent.get("name").unwrap_or(&agent).as_str().and_then(clean)?;
        library(&name).is_none().then_some(name)
    })
}
