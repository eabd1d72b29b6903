//! The command line: what it prints, and its one clear line when something is wrong.

use end_to_end::product::{data, run};
use end_to_end::{Product, packs, pictures, texts};
use serde_json::{Value, json};

#[tokio::test]
async fn detect_reads_a_file_or_standard_input_and_needs_no_server() {
    let data = data();
    let pack = packs::compact().display().to_string();
    let file = data.path().join("text.txt");
    std::fs::write(&file, texts::MODEL).unwrap();
    let (code, report, err) = run(&["detect", &file.to_string_lossy(), "--pack", &pack], "").await;
    assert_eq!(code, Some(0), "{err}");
    for line in ["verdict     ai_generated", "heuristics", "roberta", "binoculars"] {
        assert!(report.contains(line), "{line}: {report}");
    }
    let (_, json, _) = run(&["detect", "-", "--json", "--pack", &pack], texts::HUMAN).await;
    let scan: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(scan["details"]["stages"]["binoculars"], true);
    let (code, _, err) = run(&["detect", "-", "--pack", &pack], "too short").await;
    assert_eq!(code, Some(1));
    assert!(err.contains("content has 2 words"), "{err}");
}

#[tokio::test]
async fn inspect_prints_what_a_file_says_and_needs_no_pack() {
    let data = data();
    let file = data.path().join("signed.png");
    std::fs::write(&file, pictures::png_with_text(64, 64, &[("parameters", pictures::PARAMETERS)])).unwrap();
    let file = file.to_string_lossy();
    let (code, report, err) = run(&["inspect", &file], "").await;
    assert_eq!(code, Some(0), "{err}");
    for line in ["proof   Its metadata carries the signature of AUTOMATIC1111.", "PNG text parameters", "v1.9.3"] {
        assert!(report.contains(line), "{line}: {report}");
    }
    let (_, json, _) = run(&["inspect", &file, "--json"], "").await;
    let inspection: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&inspection["format"], &inspection["evidence"][0]["strength"]), (&json!("PNG"), &json!("proof")));
    assert!(!json.contains("lighthouse") && !report.contains("lighthouse"), "nobody's prompt is printed");
    let plain = data.path().join("plain.jpg");
    std::fs::write(&plain, pictures::file(64, 64, image::ImageFormat::Jpeg)).unwrap();
    let (code, report, _) = run(&["inspect", &plain.to_string_lossy()], "").await;
    assert_eq!(code, Some(0));
    assert!(report.starts_with("This JPEG says nothing of its origin"), "{report}");
    let (code, _, err) = run(&["inspect", "-"], "no picture").await;
    assert_eq!(code, Some(1));
    assert!(err.contains("not an image of a kind that is read"), "{err}");
}

#[tokio::test]
async fn eval_reports_what_it_measured() {
    let data = data();
    let (set, out) = (data.path().join("set.jsonl"), data.path().join("out.json"));
    let mut lines = String::new();
    for n in 0..12 {
        for (label, text) in [("human", texts::HUMAN), ("ai", texts::MODEL)] {
            let row = serde_json::json!({"id": format!("{label}{n}"), "source": "own", "label": label, "text": text});
            lines += &format!("{row}\n");
        }
    }
    std::fs::write(&set, lines).unwrap();
    let pack = packs::heuristics(data.path()).display().to_string();
    let (set, out) = (set.display().to_string(), out.display().to_string());
    let (code, table, err) =
        run(&["eval", "--data", &set, "--sample", "20", "--seed", "3", "--json", &out, "--pack", &pack], "").await;
    assert_eq!(code, Some(0), "{err}");
    assert!(table.contains("own"), "{table}");
    let report: Value = serde_json::from_slice(&std::fs::read(out).unwrap()).unwrap();
    for part in [&report["overall"], &report["sources"][0]] {
        assert_eq!(
            (part["n_human"].as_u64(), part["n_ai"].as_u64(), part["auroc"].as_f64()),
            (Some(10), Some(10), Some(1.0))
        );
        for figure in ["tpr_at_1_fpr", "tpr_at_5_fpr", "ece"] {
            assert!(part[figure].is_f64(), "{figure}");
        }
    }
}

#[tokio::test]
async fn a_restart_keeps_accounts_keys_and_scans_and_ctrl_c_exits_with_0() {
    let data = data();
    let pack = packs::heuristics(data.path());
    let first = Product::start(data.path(), &pack, &[]).await;
    let key = first.demo_key.clone().expect("the first start prints a key");
    let (_, scan) = first.detect(&key, texts::HUMAN).await;
    assert_eq!(first.stop().await, Some(0));
    let second = Product::start(data.path(), &pack, &[]).await;
    assert_eq!(second.demo_key, None, "the key is shown once");
    let kept = second.finished(&key, scan["id"].as_str().unwrap()).await;
    assert_eq!(kept["confidence"], scan["confidence"]);
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_start_is_said_in_one_line() {
    let data = data();
    let pack = packs::heuristics(data.path());
    let running = Product::start(data.path(), &pack, &[]).await;
    let (pack, folder) = (pack.display().to_string(), data.path().display().to_string());
    let one_line = |(code, _, err): (Option<i32>, String, String), says: &str| {
        assert_eq!((code, err.lines().count()), (Some(1), 1), "{err}");
        assert!(err.starts_with("truthlens: ") && err.contains(says), "{err}");
    };
    one_line(run(&["serve", "--port", "0", "--data-dir", &folder, "--pack", &pack], "").await, "a server runs on");
    let other = data.path().join("other").display().to_string();
    let port = running.url.rsplit(':').next().unwrap();
    one_line(run(&["serve", "--port", port, "--data-dir", &other, "--pack", &pack], "").await, "cannot listen on port");
    let below_a_file = format!("{pack}/pack.toml/below");
    one_line(
        run(&["serve", "--data-dir", &below_a_file, "--pack", &pack], "").await,
        "cannot write to the data folder",
    );
    one_line(
        run(&["serve", "--port", "0", "--data-dir", &other, "--pack", "nowhere"], "").await,
        "models pull nowhere",
    );
}
