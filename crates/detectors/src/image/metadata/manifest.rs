//! C2PA manifests, through the official crate (C2PA specification 2.1). Offline: no manifest, certificate status or
//! anything else is fetched, whatever a file refers to.

use super::assertions::{actions, described};
use super::claim_generator::generator;
use c2pa::settings::Settings;
use c2pa::{Context, Error, Manifest, Reader, Relationship};
use scan::image::{C2pa, ImageFormat, Integrity, SourceType, Trust};
use std::collections::HashSet;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// No trust list is configured, so no signer is trusted; identity assertions are not looked at.
const SETTINGS: &str = r#"
[verify]
remote_manifest_fetch = false
ocsp_fetch = false
[core]
allowed_network_hosts = []
decode_identity_assertions = false
max_decompressed_manifest_size_in_mb = 8
"#;

static PARSED: LazyLock<c2pa::Result<Settings>> = LazyLock::new(|| Settings::new().with_toml(SETTINGS));

/// Verifying is given up after this; ordinary manifests take some milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Manifests are followed at most this far from the active one.
const MAX_MANIFESTS: usize = 64;

/// The manifest of a file that has a JUMBF box. `None` if the box holds no manifest; one that is there and cannot be
/// read counts as tampered with, and says nothing.
pub(super) fn read(bytes: &[u8], format: ImageFormat) -> Option<C2pa> {
    let mime = match format {
        ImageFormat::Jpeg => "image/jpeg",
        ImageFormat::Png => "image/png",
        ImageFormat::WebP => "image/webp",
        ImageFormat::Gif => "image/gif",
        _ => return None,
    };
    let started = Instant::now();
    let context = Context::new().with_settings(PARSED.as_ref().ok()?).ok()?;
    let context = context.with_progress_callback(move |_, _, _| started.elapsed() < PATIENCE);
    // Other people's parser on hostile bytes; what it leaves behind when it panics is dropped with the reader.
    let reader = catch_unwind(AssertUnwindSafe(|| Reader::from_context(context).with_stream(mime, Cursor::new(bytes))));
    let unreadable =
        || C2pa { integrity: Integrity::Tampered, trust: Trust::Untrusted, source_type: None, claim_generator: None };
    match reader {
        Ok(Ok(reader)) => Some(describe(&reader).unwrap_or_else(unreadable)),
        Ok(Err(Error::JumbfNotFound | Error::ProvenanceMissing)) => None,
        Ok(Err(_)) | Err(_) => Some(unreadable()),
    }
}

fn describe(reader: &Reader) -> Option<C2pa> {
    let active = reader.active_manifest()?;
    let results = reader.validation_results()?;
    let own = results.active_manifest()?;
    let deltas = results.ingredient_deltas().into_iter().flatten();
    let failures = own.failure().iter().chain(deltas.flat_map(|delta| delta.validation_deltas().failure()));
    let succeeds = |code: &str| own.success().iter().any(|status| status.code() == code);
    // A signature that nobody checked is none.
    let signed = if succeeds("claimSignature.validated") { Integrity::Intact } else { Integrity::Tampered };
    let integrity = failures.map(|failure| meaning(failure.code())).fold(signed, Integrity::max);
    let trusted = succeeds("signingCredential.trusted");
    let claim = Claims { reader, seen: HashSet::new() }.strongest(active);
    let says = claim.as_ref().map_or(active, |claim| claim.manifest);
    Some(C2pa {
        integrity,
        trust: if trusted { Trust::Trusted } else { Trust::Untrusted },
        source_type: claim.map(|claim| claim.source_type),
        claim_generator: generator(says).or_else(|| generator(active)),
    })
}

/// What a failure (C2PA 2.1, section 15.2.2) means for whether manifest and content belong together.
fn meaning(code: &str) -> Integrity {
    match code {
        // That is what `Trust` tells.
        "signingCredential.untrusted" | "cawg.x509.credential.untrusted" => Integrity::Intact,
        // Hashed and signed all the same, only not written as the specification wants: even genuine ones from large
        // vendors are like that.
        "assertion.action.malformed" | "assertion.metadata.disallowed" => Integrity::Intact,
        "claimSignature.outsideValidity" | "algorithm.deprecated" => Integrity::BadCredential,
        code if code.starts_with("signingCredential.") || code.starts_with("timeStamp.") => Integrity::BadCredential,
        _ => Integrity::Tampered,
    }
}

/// A source type and who declares it.
struct Claim<'r> {
    source_type: SourceType,
    manifest: &'r Manifest,
}

struct Claims<'r> {
    reader: &'r Reader,
    seen: HashSet<&'r str>,
}

impl<'r> Claims<'r> {
    /// The strongest claim of how a manifest's asset came about. An asset inherits what is declared of the asset that
    /// it derives from (`parentOf`): a generated image stays one when it is cropped. Of assets that were placed into
    /// it or served as input it inherits that it was partly made by AI; so it does of its own action that made
    /// something by AI, unless that created the asset itself. Where a manifest says nothing itself and has but one
    /// ingredient, it only wraps that, whatever it calls it (ChatGPT's says `componentOf`).
    fn strongest(&mut self, manifest: &'r Manifest) -> Option<Claim<'r>> {
        let derived =
            manifest.ingredients().iter().any(|ingredient| *ingredient.relationship() == Relationship::ParentOf);
        let acted = actions(manifest).filter_map(|action| {
            let source_type = SourceType::parse(&action.source_type?)?;
            let part = derived && action.action != "c2pa.created";
            Some(if part { source_type.as_part() } else { source_type })
        });
        let source_types = acted.chain(described(manifest));
        let mut claims: Vec<Claim<'r>> = source_types.map(|source_type| Claim { source_type, manifest }).collect();
        let wraps = claims.is_empty() && manifest.ingredients().len() == 1;
        for ingredient in manifest.ingredients() {
            let label = ingredient.active_manifest().filter(|_| self.seen.len() < MAX_MANIFESTS);
            let Some(other) = label.filter(|label| self.seen.insert(label)).and_then(|l| self.reader.get_manifest(l))
            else {
                continue;
            };
            let inherited = self.strongest(other);
            let whole = wraps || *ingredient.relationship() == Relationship::ParentOf;
            let part = |claim: Claim<'r>| Claim { source_type: claim.source_type.as_part(), ..claim };
            claims.extend(if whole {
                inherited
            } else {
                inherited.map(part).filter(|claim| claim.source_type.is_ai_edited())
            });
        }
        // Of equals the first, which is the nearest.
        claims.into_iter().rev().max_by_key(|claim| claim.source_type.share_of_ai())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use c2pa::{Builder, EphemeralSigner};
    use image::{ExtendedColorType, ImageEncoder, RgbImage};
    use scan::image::C2paVerdict;

    fn jpeg() -> Vec<u8> {
        let mut bytes = Vec::new();
        let encoder = image::codecs::jpeg::JpegEncoder::new(&mut bytes);
        let image = RgbImage::from_fn(64, 64, |x, y| image::Rgb([(x * 3) as u8, (y * 3) as u8, 90]));
        encoder.write_image(&image, 64, 64, ExtendedColorType::Rgb8).unwrap();
        bytes
    }

    fn action(action: &str, term: &str) -> String {
        let uri = format!("http://cv.iptc.org/newscodes/digitalsourcetype/{term}");
        format!(r#"{{"action": "{action}", "digitalSourceType": "{uri}"}}"#)
    }

    /// Signs an image for a program that did these things to it and took these images in.
    fn signed(program: &str, actions: &[String], ingredients: &[(&str, &[u8])]) -> Vec<u8> {
        let assertion = format!(r#"{{"label": "c2pa.actions", "data": {{"actions": [{}]}}}}"#, actions.join(","));
        let assertions = if actions.is_empty() { String::new() } else { assertion };
        signed_with(program, &assertions, ingredients)
    }

    /// The same with these assertions.
    fn signed_with(program: &str, assertions: &str, ingredients: &[(&str, &[u8])]) -> Vec<u8> {
        let definition =
            format!(r#"{{"claim_generator_info": [{{"name": "{program}"}}], "assertions": [{assertions}]}}"#);
        let mut builder = Builder::from_context(Context::new()).with_definition(definition.as_str()).unwrap();
        for (relationship, image) in ingredients {
            let ingredient = format!(r#"{{"title": "it", "relationship": "{relationship}"}}"#);
            builder.add_ingredient_from_stream(ingredient, "image/jpeg", &mut Cursor::new(image)).unwrap();
        }
        let signer = EphemeralSigner::new("test.local").unwrap();
        let mut signed = Cursor::new(Vec::new());
        builder.sign(&signer, "image/jpeg", &mut Cursor::new(jpeg()), &mut signed).unwrap();
        signed.into_inner()
    }

    fn found(bytes: &[u8]) -> C2pa {
        read(bytes, ImageFormat::Jpeg).unwrap()
    }

    #[test]
    fn a_signed_declaration_is_intact_but_nobodys_until_its_pixels_change() {
        let mut bytes = signed("Any Generator", &[action("c2pa.created", "trainedAlgorithmicMedia")], &[]);
        let c2pa = found(&bytes);
        assert_eq!(
            (c2pa.integrity, c2pa.trust, c2pa.verdict()),
            (Integrity::Intact, Trust::Untrusted, C2paVerdict::AiGenerated)
        );
        assert_eq!(c2pa.claim_generator.as_deref(), Some("Any Generator"));
        let last = bytes.len() - 10;
        bytes[last] ^= 1;
        let c2pa = found(&bytes);
        assert_eq!(
            (c2pa.integrity, c2pa.verdict(), c2pa.declares_ai()),
            (Integrity::Tampered, C2paVerdict::Tampered, true)
        );
        assert_eq!(read(&jpeg(), ImageFormat::Jpeg), None);
    }

    #[test]
    fn what_is_inherited_depends_on_how() {
        let generated = signed("Generator", &[action("c2pa.created", "trainedAlgorithmicMedia")], &[]);
        let captured = signed("Camera", &[action("c2pa.created", "digitalCapture")], &[]);
        let edited = [r#"{"action": "c2pa.edited"}"#.to_owned()];
        let placed = [action("c2pa.created", "composite")];
        for (actions, ingredients, verdict, by) in [
            (&[][..], &[("parentOf", &generated[..])][..], C2paVerdict::AiGenerated, "Generator"),
            (&edited, &[("parentOf", &generated)], C2paVerdict::AiGenerated, "Generator"),
            (&edited, &[("parentOf", &captured)], C2paVerdict::Captured, "Camera"),
            (&edited, &[("parentOf", &captured), ("componentOf", &generated)], C2paVerdict::AiEdited, "Generator"),
            (&placed, &[("componentOf", &generated)], C2paVerdict::AiEdited, "Generator"),
            (&placed, &[("componentOf", &captured)], C2paVerdict::NoClaim, "Editor"),
            (
                &[action("c2pa.edited", "trainedAlgorithmicMedia")],
                &[("parentOf", &captured)],
                C2paVerdict::AiEdited,
                "Editor",
            ),
            (&[], &[("componentOf", &generated)], C2paVerdict::AiGenerated, "Generator"),
        ] {
            let c2pa = found(&signed("Editor", actions, ingredients));
            assert_eq!((c2pa.verdict(), c2pa.claim_generator.as_deref()), (verdict, Some(by)), "{actions:?}");
        }
    }

    #[test]
    fn source_types_count_wherever_they_are_signed() {
        let empty = r#"{"label": "c2pa.actions.v2", "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": "http://c2pa.org/digitalsourcetype/empty"}]}}"#;
        let uri = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
        for (label, value) in [
            ("cawg.metadata", format!(r#""{uri}""#)),
            ("stds.iptc", format!(r#""{uri}""#)),
            ("cawg.metadata", format!(r#"{{"@id": "{uri}"}}"#)),
            ("cawg.metadata", format!(r#"["{uri}"]"#)),
        ] {
            let data = format!(
                r#"{{"@context": {{"Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"}}, "Iptc4xmpExt:DigitalSourceType": {value}}}"#
            );
            let metadata = format!(r#"{empty}, {{"label": "{label}", "kind": "Json", "data": {data}}}"#);
            assert_eq!(
                found(&signed_with("Any", &metadata, &[])).verdict(),
                C2paVerdict::AiGenerated,
                "{label} {value}"
            );
        }
        assert_eq!(found(&signed_with("Any", empty, &[])).verdict(), C2paVerdict::NoClaim);
    }

    #[test]
    fn an_action_has_what_its_template_says() {
        let edits = |template: &str| {
            let created = action("c2pa.created", "digitalCapture");
            let template = action(template, "compositeWithTrainedAlgorithmicMedia");
            let actions =
                format!(r#"{{"actions": [{created}, {{"action": "c2pa.edited"}}], "templates": [{template}]}}"#);
            found(&signed_with("Any", &format!(r#"{{"label": "c2pa.actions.v2", "data": {actions}}}"#), &[])).verdict()
        };
        assert_eq!(edits("c2pa.edited"), C2paVerdict::AiEdited);
        assert_eq!(edits("c2pa.cropped"), C2paVerdict::Captured, "no action is of that template");
    }

    #[test]
    fn a_library_is_not_who_made_it() {
        let by = |program: &str, agent: &str| {
            let created = action("c2pa.created", "trainedAlgorithmicMedia");
            let created = created.replacen('{', &format!(r#"{{"softwareAgent": {{"name": "{agent}"}}, "#), 1);
            let actions = format!(r#"{{"label": "c2pa.actions.v2", "data": {{"actions": [{created}]}}}}"#);
            found(&signed_with(program, &actions, &[])).claim_generator
        };
        let google = "Google C2PA Core Generator Library";
        assert_eq!(by(google, google).as_deref(), Some("Google AI"));
        assert_eq!(by(google, "Imagen").as_deref(), Some("Imagen"));
        assert_eq!(by("c2pa-rs", "Any Model").as_deref(), Some("Any Model"));
        assert_eq!(by("Any Editor", "Any Model").as_deref(), Some("Any Editor"));
    }

    #[test]
    fn failures_are_told_apart() {
        assert_eq!(meaning("signingCredential.untrusted"), Integrity::Intact);
        assert_eq!(meaning("signingCredential.expired"), Integrity::BadCredential);
        assert_eq!(meaning("assertion.dataHash.mismatch"), Integrity::Tampered);
        assert_eq!(meaning("something.new"), Integrity::Tampered);
    }
}
