//! Fitting a pack on one's own labelled texts, and the page that says how good it is.

use end_to_end::packs;
use end_to_end::product::{data, run};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What people write in these tests, and what models do; either borrows from the other now and then.
const HUMAN: [&str; 6] = [
    "I don't know why, but the bus was late again and nobody said a thing.",
    "We'd planned to walk, so off we went, and of course it rained.",
    "My aunt kept the keys in a jar; that's how we got in.",
    "He isn't the sort who'd tell you twice.",
    "Well, it was cold, and I'm not one for swimming anyway.",
    "They sat by the road and ate what was left.",
];
const MODEL: [&str; 6] = [
    "Moreover, it is crucial to leverage robust frameworks that foster seamless collaboration across organizations.",
    "This comprehensive approach underscores the pivotal role of innovation in the evolving landscape.",
    "Furthermore, stakeholders can harness transformative technologies to enhance operational efficiency.",
    "Ultimately, navigating these multifaceted challenges requires a nuanced understanding of diverse perspectives.",
    "Additionally, effective communication facilitates meaningful engagement and sustainable development.",
    "In conclusion, embracing these principles is essential for unlocking unprecedented potential.",
];

/// A text of ten sentences, eight or nine of them of its own kind.
fn text(n: usize, own: [&str; 6], other: [&str; 6]) -> String {
    let sentence = |i: usize| if (n + i * i) % 7 == 3 { other[(n + i) % 6] } else { own[(n * 5 + i * 3 + n / 6) % 6] };
    (0..10).map(sentence).collect::<Vec<_>>().join(" ")
}

/// `n` texts of each label, from `sources` sources of each.
fn labelled(folder: &Path, n: usize, sources: usize) -> String {
    let mut lines = String::new();
    for i in 0..n {
        for (label, own, other) in [("human", HUMAN, MODEL), ("ai", MODEL, HUMAN)] {
            let source = format!("{label}-{}", i % sources);
            let row = json!({"id": format!("{label}{i}"), "source": source, "label": label,
                "generator": if i % 2 == 0 { "gpt2-xl" } else { "gpt-4" }, "text": text(i, own, other)});
            lines += &format!("{row}\n");
        }
    }
    written(folder.join(format!("labelled-{n}-{sources}.jsonl")), &lines)
}

fn written(path: PathBuf, content: &str) -> String {
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

/// A pack with the heuristics stage alone, whose numbers are wrong: it takes contractions for a model's.
fn wrong_pack(folder: &Path) -> String {
    let pack = packs::heuristics(folder);
    let manifest = std::fs::read_to_string(pack.join("pack.toml")).unwrap();
    let manifest = manifest
        .replace("[\"model_favourite_rate\"]", "[\"contraction_rate\", \"word_length\"] # what it reads")
        .replace("mean = [0.02]", "mean = [0.05, 5.0]")
        .replace("scale = [0.02]", "scale = [0.02, 1.0]")
        .replace("linear = [1.0]", "linear = [1.0, -1.0]\nquadratic = [0.0, 0.0, 0.0]");
    written(pack.join("pack.toml"), &manifest);
    pack.display().to_string()
}

#[tokio::test]
async fn a_pack_that_was_calibrated_judges_right_what_it_judged_wrong() {
    let data = data();
    let (pack, set) = (wrong_pack(data.path()), labelled(data.path(), 90, 3));
    let at = |name: &str| data.path().join(name).display().to_string();
    let (rows, json, out) = (at("rows.jsonl"), at("report.json"), at("fitted/pack.toml"));
    let eval = |pack: String| {
        let (set, rows, json) = (set.clone(), rows.clone(), json.clone());
        async move {
            let (code, _, err) =
                run(&["eval", "--data", &set, "--rows", &rows, "--json", &json, "--pack", &pack], "").await;
            assert_eq!(code, Some(0), "{err}");
            serde_json::from_slice::<Value>(&std::fs::read(&json).unwrap()).unwrap()["overall"].clone()
        }
    };
    assert!(eval(pack.clone()).await["auroc"].as_f64().unwrap() < 0.5);

    let (code, printed, err) = run(&["calibrate", "--rows", &rows, "--out", &out, "--pack", &pack], "").await;
    assert_eq!(code, Some(0), "{err}");
    for part in ["stage heuristics", "blend", "human-2", "left out", "weights     heuristics 1", "thresholds"] {
        assert!(printed.contains(part), "{part} in {printed}");
    }
    let manifest = std::fs::read_to_string(&out).unwrap();
    for part in ["heuristics-only", "1-calibrated.1", "# what it reads", "slope"] {
        assert!(manifest.contains(part), "{part} in {manifest}");
    }
    // Judging anew gives the same fit, and the pack's own manifest is replaced only where that is said.
    let own = format!("{pack}/pack.toml");
    let again = ["calibrate", "--data", &set, "--out", &own, "--pack", &pack];
    let (code, _, err) = run(&again, "").await;
    assert!(code == Some(1) && err.contains("--overwrite"), "{err}");
    let (code, _, err) = run(&[&again[..], &["--overwrite"]].concat(), "").await;
    assert_eq!((code, std::fs::read_to_string(&own).unwrap()), (Some(0), manifest), "{err}");

    let fitted = eval(at("fitted")).await;
    assert!(fitted["auroc"].as_f64().unwrap() > 0.99, "{fitted}");
    assert_eq!(fitted["humans_accused"], 0);
    assert!(fitted["ai_caught"].as_u64().unwrap() >= 80, "{fitted}");
    assert!(fitted["ece"].as_f64().unwrap() < 0.1, "{fitted}");
}

#[tokio::test]
async fn what_cannot_be_fitted_is_refused_with_what_is_needed() {
    let data = data();
    let pack = wrong_pack(data.path());
    let out = data.path().join("pack.toml").display().to_string();
    let rows = written(data.path().join("rows.jsonl"), "{\"id\": 1}\n");
    let (few, single) = (labelled(data.path(), 30, 3), labelled(data.path(), 60, 1));
    let enough = labelled(data.path(), 60, 2);
    let image = written(data.path().join("image.jsonl"), &{
        let row = |label: &str, n: usize| {
            let source = format!("s{}", n % 2);
            json!({"id": n.to_string(), "source": source, "label": label, "frequency": {"fft_smoothness": 0.5}})
        };
        (0..200).map(|n| format!("{}\n", row(["human", "ai"][n / 100], n))).collect::<String>()
    });
    for (arguments, says) in [
        (vec!["--data", &few], "30 human rows"),
        (vec!["--data", &single], "all human rows come from one source"),
        (vec!["--rows", &rows], "line 1"),
        (vec!["--rows", &image], "the pack judges no images"),
        (vec!["--rows", &image, "--data", &enough], "one after the other"),
        (vec!["--data", &enough, "--stages", "roberta"], "does not weigh stage roberta"),
        (vec!["--data", &enough, "--pack", "nowhere"], "models pull nowhere"),
        (vec!["--data", "/nowhere.jsonl"], "cannot read /nowhere.jsonl"),
    ] {
        let mut all = vec!["calibrate", "--out", &out];
        all.extend(&arguments);
        if !arguments.contains(&"--pack") {
            all.extend(["--pack", &pack]);
        }
        let (code, printed, err) = run(&all, "").await;
        assert_eq!((code, printed.as_str()), (Some(1), ""), "{arguments:?}: {err}");
        let said = err.lines().last().unwrap_or_default();
        assert!(said.starts_with("truthlens: ") && said.contains(says), "{says} in {err}");
        assert!(!Path::new(&out).exists());
    }
    let (code, _, err) = run(&["calibrate", "--out", &out, "--pack", &pack], "").await;
    assert!(code == Some(2) && err.contains("--data"), "{err}");
    let (code, _, err) =
        run(&["calibrate", "--data", &enough, "--max-fpr", "2", "--out", &out, "--pack", &pack], "").await;
    assert!(code == Some(2) && err.contains("between 0 and 1"), "{err}");
}

#[tokio::test]
async fn attacks_are_measured_and_the_page_shows_them() {
    let data = data();
    let (pack, set) = (wrong_pack(data.path()), labelled(data.path(), 40, 2));
    let at = |name: &str| data.path().join(name).display().to_string();
    let (rows, page) = (at("rows.jsonl"), at("QUALITY.md"));
    let attack = ["--attack", "case,misspelling", "--attack-sample", "20", "--sample", "60", "--seed", "3"];
    let eval = [&["eval", "--data", &set, "--pack", &pack, "--rows", &rows][..], &attack].concat();
    let (code, table, err) = run(&eval, "").await;
    assert_eq!(code, Some(0), "{err}");
    for part in ["case attack", "misspelling attack", "base models", "instruct models"] {
        assert!(table.contains(part), "{part} in {table}");
    }
    assert_eq!(std::fs::read_to_string(&rows).unwrap().lines().count(), 60 + 2 * 20);
    let section = format!("Own text={rows}");
    let (code, _, err) = run(&["quality", "--section", &section, "--out", &page, "--pack", &pack], "").await;
    assert_eq!(code, Some(0), "{err}");
    let written = std::fs::read_to_string(&page).unwrap();
    for part in ["heuristics-only-1", "## Weak points", "## Own text", "The same 20 texts", "| misspelling |"] {
        assert!(written.contains(part), "{part} in {written}");
    }
    for diagram in ["text-reliability.svg", "text-scores.svg"] {
        assert!(written.contains(&format!("(quality/{diagram})")), "{written}");
        assert!(std::fs::read_to_string(at(&format!("quality/{diagram}"))).unwrap().contains("<title"));
    }
    let (code, _, err) = run(&[&eval[..], &["--attack", "typo"]].concat(), "").await;
    assert!(code == Some(2) && err.contains("misspelling"), "{err}");
}
