//! What the assertions of a C2PA manifest say of how its content came about.

use c2pa::Manifest;
use scan::image::SourceType;
use serde::Deserialize;
use serde_json::Value;

/// The part of an actions assertion that matters, in its first and second version. A template holds what all actions
/// of its name have in common (C2PA specification 2.1, section 18.15).
#[derive(Deserialize)]
struct Actions {
    actions: Vec<Action>,
    #[serde(default)]
    templates: Vec<Action>,
}

#[derive(Clone, Deserialize)]
pub(super) struct Action {
    pub(super) action: String,
    #[serde(rename = "digitalSourceType")]
    pub(super) source_type: Option<String>,
    #[serde(rename = "softwareAgent")]
    pub(super) agent: Option<Value>,
}

impl Actions {
    /// The actions, each with what it has from its template.
    fn completed(self) -> impl Iterator<Item = Action> {
        let Self { actions, templates } = self;
        actions.into_iter().map(move |action| {
            let is_common = |template: &&Action| template.action == action.action || template.action == "*";
            let template = templates.iter().find(is_common).cloned();
            let (source_type, agent) = template.map(|t| (t.source_type, t.agent)).unwrap_or_default();
            Action { source_type: action.source_type.or(source_type), agent: action.agent.or(agent), ..action }
        })
    }
}

/// What the manifest's program did, each action with what it has from its template.
pub(super) fn actions(manifest: &Manifest) -> impl Iterator<Item = Action> {
    let assertions = manifest.assertions().iter().filter(|assertion| assertion.label().starts_with("c2pa.actions"));
    assertions.filter_map(|assertion| assertion.to_assertion::<Actions>().ok()).flat_map(Actions::completed)
}

/// The source types that metadata assertions declare of the whole asset: `c2pa.metadata`, `cawg.metadata`, `stds.iptc`,
/// `stds.schema-org.CreativeWork`, in JSON-LD (C2PA specification 2.1, section 18.16).
pub(super) fn described(manifest: &Manifest) -> impl Iterator<Item = SourceType> {
    let is_metadata = |label: &str| label.contains(".metadata") || label.starts_with("stds.");
    let assertions = manifest.assertions().iter().filter(move |assertion| is_metadata(assertion.label()));
    assertions.filter_map(|assertion| assertion.value().ok()).filter_map(declared)
}

/// The source type among the members of a JSON-LD object, whatever its prefix: a string, or an object or list with one.
fn declared(metadata: &Value) -> Option<SourceType> {
    let is_source_type =
        |name: &str| name.rsplit([':', '/']).next().is_some_and(|name| name.eq_ignore_ascii_case("digitalSourceType"));
    let mut members = metadata.as_object()?.iter().filter(|(name, _)| is_source_type(name));
    members.find_map(|(_, value)| {
        let value = value.get(0).unwrap_or(value);
        let value = value.get("@id").or_else(|| value.get("@value")).unwrap_or(value);
        SourceType::parse(value.as_str()?)
    })
}
