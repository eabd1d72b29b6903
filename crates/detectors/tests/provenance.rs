//! Real files of many makers: what each says of its origin, against an index that was made with other readers.
//!
//! `TRUTHLENS_METADATA=<folder with index.csv> cargo test -p detectors --test provenance -- --ignored --nocapture`

#![allow(clippy::unwrap_used, clippy::panic, reason = "the helpers of tests are tests")]

use detectors::image::{Limits, decode, metadata, sniff};
use scan::image::{C2paVerdict, Integrity, Provenance};
use std::path::PathBuf;

/// What a row of the index promises of a file, as the words that are wrong about it.
fn wrong(row: &csv::StringRecord, provenance: &Provenance) -> Vec<String> {
    let [file, kind, expected, found, c2pa] = [0, 1, 2, 4, 7].map(|i| row.get(i).unwrap_or_default());
    let mut wrong = Vec::new();
    let mut check = |what: &str, holds: bool| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    let integrity = provenance.c2pa.as_ref().map(|c2pa| c2pa.integrity);
    let expected_integrity = match c2pa {
        c2pa if c2pa.starts_with("Valid") => Some(Integrity::Intact),
        c2pa if c2pa.contains("mismatch") => Some(Integrity::Tampered),
        c2pa if c2pa.starts_with("Invalid") => Some(Integrity::BadCredential),
        // A manifest is there and cannot be read.
        c2pa if c2pa.contains("C2paOther") => Some(Integrity::Tampered),
        _ => None,
    };
    check("integrity", integrity == expected_integrity);
    let declares = |term: &str| c2pa.contains(&format!("dst={term}"));
    let verdict = provenance.c2pa.as_ref().map(|c2pa| c2pa.verdict());
    if integrity.is_some_and(|integrity| integrity != Integrity::Tampered) {
        check("generated", !declares("trainedAlgorithmicMedia") || verdict == Some(C2paVerdict::AiGenerated));
        check("edited", !declares("compositeWith") || verdict == Some(C2paVerdict::AiEdited));
        check("captured", !declares("digitalCapture") || verdict == Some(C2paVerdict::Captured));
    }
    let tool = provenance.marks.first().and_then(|mark| mark.generator.as_deref());
    let expected_tool = match (kind, file) {
        ("ai-signature", file) if file.contains("stealth") => Some("Stable Diffusion"),
        // Input sketches among the examples.
        ("ai-signature", _) if found.is_empty() => None,
        ("ai-signature", _) if expected.starts_with("ComfyUI") => Some("ComfyUI"),
        ("ai-signature", file) => file.strip_prefix("sdparsers_parsers_").and_then(|rest| rest.split('_').next()),
        (_, file) if file.contains("text_after_idat") => Some("AUTOMATIC1111"),
        _ => None,
    };
    check("tool", tool == expected_tool);
    let names_camera = found.contains("EXIF:0x10f") && found.contains("EXIF:0x110");
    check("camera", provenance.camera.is_some() == names_camera);
    check("exposure", !expected.contains("exposure") || provenance.has_exposure);
    // The index lists the fields that matter only.
    check("exif", provenance.has_exif || !found.contains("EXIF:"));
    if kind == "xmp-dst" {
        check("source type", provenance.source_type.as_ref().is_some_and(|source| source.as_str() == "softwareImage"));
    }
    wrong
}

#[test]
#[ignore = "needs a folder of real files"]
fn real_files_yield_what_their_index_says() {
    let folder = PathBuf::from(std::env::var("TRUTHLENS_METADATA").expect("TRUTHLENS_METADATA names a folder"));
    let mut index = csv::Reader::from_path(folder.join("index.csv")).unwrap();
    let (mut files, mut deviations) = (0, 0);
    for row in index.records() {
        let row = row.unwrap();
        let bytes = std::fs::read(folder.join(&row[0])).unwrap();
        let started = std::time::Instant::now();
        let stealth = decode(&bytes, &Limits::default()).ok().and_then(|picture| picture.stealth);
        let provenance = sniff(&bytes).map(|format| metadata::provenance(&bytes, format, stealth)).unwrap_or_default();
        let wrong = wrong(&row, &provenance);
        let took = started.elapsed();
        println!("{:?} {} {took:?} {provenance:?}", wrong, &row[0]);
        files += 1;
        deviations += usize::from(!wrong.is_empty());
    }
    println!("{files} files, {deviations} deviations");
    assert_eq!(deviations, 0);
}
