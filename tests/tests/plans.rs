//! What accounts pay for: plans, spend caps, and the statement of what was used.

use end_to_end::product::{answer, create_key, data, run};
use end_to_end::{Product, packs, texts};
use reqwest::StatusCode;
use serde_json::{Value, json};

async fn usage(product: &Product, key: &str) -> Value {
    let (status, usage) = answer(product.get(key, "/v1/usage")).await;
    assert_eq!(status, StatusCode::OK);
    usage
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_told_by_month_and_day_and_without_what_was_refused() {
    let data = data();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    let key = create_key(data.path(), "counting", "free").await;
    let none = usage(&product, &key).await;
    assert_eq!((&none["plan"], &none["pay_as_you_go"]), (&json!("free"), &Value::Null));
    assert_eq!((&none["scans"]["used"], &none["scans"]["limit"]), (&json!(0), &json!(50)));
    for _ in 0..3 {
        product.detect(&key, texts::HUMAN).await;
    }
    product.detect(&key, "too short").await;
    let some = usage(&product, &key).await;
    assert_eq!((&some["scans"]["used"], &some["scans"]["remaining"]), (&json!(3), &json!(47)));
    let month = &some["months"][0];
    assert_eq!((&month["scans"], &month["amount_usd"]), (&json!(3), &Value::Null));
    // Three scans may straddle midnight.
    let days = month["days"].as_array().unwrap();
    assert_eq!(days.iter().map(|day| day["scans"].as_u64().unwrap()).sum::<u64>(), 3);
    assert!(days[0]["date"].as_str().unwrap().starts_with(month["month"].as_str().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pays_by_the_scan_pays_no_more_than_the_cap() {
    let data = data();
    let product = Product::start(data.path(), &packs::heuristics(data.path()), &[]).await;
    let key = create_key(data.path(), "payg", "free").await;
    let folder = data.path().to_string_lossy().into_owned();
    let set_plan = async |arguments: &[&str]| {
        let command = ["accounts", "set-plan", "--account", "payg", "--data-dir", &folder];
        run(&[&command[..], arguments].concat(), "").await
    };
    let (code, out, err) = set_plan(&["pay-as-you-go", "--spend-cap", "0.025"]).await;
    assert_eq!((code, out.contains("0 of 2")), (Some(0), true), "{out}{err}");
    let statuses = [
        product.detect(&key, texts::HUMAN).await.0,
        product.detect(&key, texts::HUMAN).await.0,
        product.detect(&key, texts::HUMAN).await.0,
    ];
    assert_eq!(statuses.map(|status| status.as_u16()), [200, 200, 402]);
    let found = usage(&product, &key).await;
    assert_eq!(found["pay_as_you_go"], json!({"unit_price_usd": "0.01", "spend_cap_usd": "0.025"}));
    assert_eq!(found["months"][0]["amount_usd"], "0.02");

    let (code, ..) = set_plan(&["business"]).await;
    assert_eq!(code, Some(0));
    assert_eq!(product.detect(&key, texts::HUMAN).await.0, StatusCode::OK, "a plan changes at once");
    let (code, _, err) = set_plan(&["pro", "--spend-cap", "5"]).await;
    assert_eq!((code, err.contains("pay_as_you_go only")), (Some(1), true), "{err}");
    let (code, _, err) = run(&["accounts", "show", "--account", "nobody-here", "--data-dir", &folder], "").await;
    assert_eq!((code, err.contains("there is no account")), (Some(1), true), "{err}");
}
