//! Accounts as their owners meet them: signing in, keys, thresholds; and as operators do.

use end_to_end::product::{answer, create_key, data, run};
use end_to_end::{Product, packs, texts};
use reqwest::header::{CONTENT_SECURITY_POLICY, HOST, LOCATION};
use reqwest::{Client, Method, StatusCode, Url, redirect};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

async fn product(data: &Path) -> Product {
    Product::start(data, &packs::heuristics(data), &[]).await
}

/// A browser that signs in: it follows no redirect by itself.
struct Browser {
    client: Client,
    sign_in: Value,
    home: String,
}

impl Browser {
    async fn open(product: &Product) -> Self {
        let client = Client::builder().redirect(redirect::Policy::none()).build().unwrap();
        let (status, sign_in) = answer(client.get(format!("{}/v1/sign-in", product.url))).await;
        assert_eq!((status, &sign_in["development"]), (StatusCode::OK, &json!(true)));
        Self { client, sign_in, home: format!("{}/dashboard", product.url) }
    }

    fn authorization(&self, changes: &[(&str, &str)]) -> Url {
        let mut query = HashMap::from([
            ("response_type", "code"),
            ("client_id", self.sign_in["client_id"].as_str().unwrap()),
            ("redirect_uri", &self.home),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", "s&t=1"),
            ("nonce", "n"),
        ]);
        query.extend(changes.iter().copied());
        Url::parse_with_params(self.sign_in["authorization_endpoint"].as_str().unwrap(), query).unwrap()
    }

    /// Sends the sign-in page's form; the code and the state that come back.
    async fn submit(&self, account: &str) -> (String, String) {
        let sent = self.client.post(self.authorization(&[])).form(&[("account", account)]).send().await.unwrap();
        assert_eq!(sent.status(), StatusCode::SEE_OTHER);
        let back = Url::parse(sent.headers()[LOCATION].to_str().unwrap()).unwrap();
        assert!(back.as_str().starts_with(&self.home), "{back}");
        let query: HashMap<_, _> = back.query_pairs().into_owned().collect();
        (query["code"].clone(), query["state"].clone())
    }

    async fn exchange(&self, code: &str, verifier: &str) -> (StatusCode, Value) {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.home),
            ("client_id", "dashboard"),
            ("code_verifier", verifier),
        ];
        answer(self.client.post(self.sign_in["token_endpoint"].as_str().unwrap()).form(&form)).await
    }

    async fn token(&self, account: &str) -> String {
        let (code, state) = self.submit(account).await;
        assert_eq!(state, "s&t=1");
        let (status, tokens) = self.exchange(&code, VERIFIER).await;
        assert_eq!(status, StatusCode::OK, "{tokens}");
        tokens["access_token"].as_str().unwrap().to_owned()
    }
}

async fn operator(data: &Path) -> String {
    let (code, out, err) = run(&["token", "--operator", "--data-dir", &data.to_string_lossy()], "").await;
    assert_eq!(code, Some(0), "{err}");
    out.trim_end().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_makes_a_key_uses_it_and_revokes_it() {
    let data = data();
    let product = product(data.path()).await;
    let browser = Browser::open(&product).await;
    let page = browser.client.get(browser.authorization(&[])).send().await.unwrap();
    let policy = page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    let text = page.text().await.unwrap();
    assert!(policy.starts_with("default-src 'none'") && text.contains("takes your word"), "it says what it is");

    let token = browser.token("ada").await;
    let (status, account) = answer(product.get(&token, "/v1/account")).await;
    assert_eq!((status, &account["id"], &account["plan"]), (StatusCode::OK, &json!("ada"), &json!("free")));
    assert_eq!(product.detect(&token, texts::HUMAN).await.0, StatusCode::OK, "a sign-in scans as a key does");

    let (status, made) = answer(product.request(Method::POST, &token, "/v1/keys").json(&json!({"name": "CI"}))).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with(made["prefix"].as_str().unwrap()));
    assert_eq!((&made["name"], &made["last_used_at"]), (&json!("CI"), &Value::Null));
    assert_eq!(product.detect(key, texts::HUMAN).await.0, StatusCode::OK);
    let (_, listed) = answer(product.get(&token, "/v1/keys")).await;
    assert_eq!(listed["keys"].as_array().unwrap().len(), 1);
    assert!(listed["keys"][0]["last_used_at"].is_string() && !listed.to_string().contains(key), "{listed}");

    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    let revoke = || product.request(Method::DELETE, &token, &path).send();
    assert_eq!(revoke().await.unwrap().status(), StatusCode::NO_CONTENT);
    let (status, refused) = product.detect(key, texts::HUMAN).await;
    assert_eq!((status, &refused["detail"]["code"]), (StatusCode::UNAUTHORIZED, &json!("invalid_token")), "at once");
    assert_eq!(revoke().await.unwrap().status(), StatusCode::NO_CONTENT, "twice is no error");
    let (_, listed) = answer(product.get(&token, "/v1/keys")).await;
    assert!(listed["keys"][0]["revoked_at"].is_string());
    let (_, usage) = answer(product.get(&token, "/v1/usage")).await;
    assert_eq!(usage["scans"]["used"], 2, "the key's scan and the sign-in's are one account's");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_managed_by_their_owner_alone() {
    let data = data();
    let product = product(data.path()).await;
    let browser = Browser::open(&product).await;
    let (ada, eve) = (browser.token("ada").await, browser.token("eve").await);
    let (_, made) = answer(product.request(Method::POST, &ada, "/v1/keys").json(&json!({"name": "mine"}))).await;
    let key = made["key"].as_str().unwrap();
    let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
    let code = async |method: Method, token: &str, path: &str, body: Value| {
        let (status, refused) = answer(product.request(method, token, path).json(&body)).await;
        (status.as_u16(), refused["detail"]["code"].as_str().unwrap_or_default().to_owned())
    };
    let name = || json!({"name": "x"});
    // A leaked key makes no others, and does not see them.
    assert_eq!(code(Method::POST, key, "/v1/keys", name()).await, (403, "forbidden".into()));
    assert_eq!(code(Method::GET, key, "/v1/keys", name()).await, (403, "forbidden".into()));
    assert_eq!(code(Method::DELETE, key, &path, name()).await, (403, "forbidden".into()));
    assert_eq!(code(Method::PUT, key, "/v1/account/moderation", json!({})).await, (403, "forbidden".into()));
    assert_eq!(code(Method::DELETE, &eve, &path, name()).await, (404, "not_found".into()), "another account's");
    assert_eq!(code(Method::DELETE, &ada, "/v1/keys/key_x", name()).await, (404, "not_found".into()));
    for wrong in [json!({}), json!({"name": ""}), json!({"name": 7}), json!({"name": "x".repeat(65)}), json!([])] {
        assert_eq!(code(Method::POST, &ada, "/v1/keys", wrong).await, (422, "invalid_request".into()));
    }
    for token in ["a.b.c", "eyJhbGciOiJub25lIn0.e30.", &format!("{}x", &ada[..ada.len() - 1])] {
        assert_eq!(code(Method::GET, token, "/v1/account", name()).await, (401, "invalid_token".into()), "{token}");
    }
    for _ in 1..20 {
        assert_eq!(code(Method::POST, &ada, "/v1/keys", name()).await.0, 201);
    }
    assert_eq!(code(Method::POST, &ada, "/v1/keys", name()).await, (422, "too_many_keys".into()));
    assert_eq!(answer(product.get(key, "/v1/account")).await.1["id"], "ada", "a key still sees its account");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_worth_something_once_and_only_to_who_asked_for_it() {
    let data = data();
    let product = product(data.path()).await;
    let browser = Browser::open(&product).await;
    let (code, _) = browser.submit("ada").await;
    assert_eq!(
        browser.exchange(&code, "another-verifier-that-was-not-the-challenge").await.1["error"],
        "invalid_grant"
    );
    assert_eq!(browser.exchange(&code, VERIFIER).await.1["error"], "invalid_grant", "a failed try spends it");
    let (code, _) = browser.submit("ada").await;
    assert_eq!(browser.exchange(&code, VERIFIER).await.0, StatusCode::OK);
    assert_eq!(browser.exchange(&code, VERIFIER).await.1["error"], "invalid_grant");
    for (name, value) in [
        ("redirect_uri", "https://example.com/dashboard"),
        ("redirect_uri", "http://127.0.0.1:1@example.com/dashboard"),
        ("redirect_uri", "http://localhost:1/elsewhere"),
        ("client_id", "another"),
        ("response_type", "token"),
        ("code_challenge_method", "plain"),
        ("code_challenge", "short"),
    ] {
        let url = browser.authorization(&[(name, value)]);
        let asked = browser.client.get(url.clone()).send().await.unwrap();
        assert_eq!(asked.status(), StatusCode::BAD_REQUEST, "{name}={value}");
        let sent = browser.client.post(url).form(&[("account", "ada")]).send().await.unwrap();
        assert_eq!(sent.status(), StatusCode::BAD_REQUEST, "{name}={value}");
    }
    let rebound = browser.client.get(browser.authorization(&[])).header(HOST, "evil.example").send().await.unwrap();
    assert_eq!(rebound.status(), StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_change_plans_and_nobody_else_does() {
    let data = data();
    let product = product(data.path()).await;
    let key = create_key(data.path(), "customer", "free").await;
    let operator = operator(data.path()).await;
    let customer = Browser::open(&product).await.token("customer").await;
    let set = async |token: &str, account: &str, body: Value| {
        let path = format!("/v1/operator/accounts/{account}/plan");
        answer(product.request(Method::PUT, token, &path).json(&body)).await
    };
    let capped = json!({"plan": "pay_as_you_go", "spend_cap_usd": "0.01"});
    for token in [&key, &customer] {
        let (status, refused) = set(token, "customer", capped.clone()).await;
        assert_eq!((status, &refused["detail"]["code"]), (StatusCode::FORBIDDEN, &json!("forbidden")));
    }
    let (status, changed) = set(&operator, "customer", capped).await;
    assert_eq!((status, &changed["plan"]), (StatusCode::OK, &json!("pay_as_you_go")), "{changed}");
    assert_eq!(changed["spend_cap_usd"], "0.01");
    let statuses = [product.detect(&key, texts::HUMAN).await.0, product.detect(&key, texts::HUMAN).await.0];
    assert_eq!(statuses, [StatusCode::OK, StatusCode::PAYMENT_REQUIRED], "from the next scan on");
    let (_, usage) = answer(product.get(&operator, "/v1/operator/accounts/customer/usage")).await;
    assert_eq!(usage["months"][0]["amount_usd"], "0.01");
    let (_, seen) = answer(product.get(&operator, "/v1/operator/accounts/customer")).await;
    assert_eq!(seen, changed);

    assert_eq!(set(&operator, "nobody", json!({"plan": "pro"})).await.0, StatusCode::NOT_FOUND);
    assert_eq!(set(&operator, "a%20b", json!({"plan": "pro"})).await.0, StatusCode::NOT_FOUND);
    for wrong in [json!({}), json!({"plan": "gold"}), json!({"plan": "pro", "spend_cap_usd": "5"})] {
        assert_eq!(set(&operator, "customer", wrong).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let (status, refused) = product.detect(&operator, texts::HUMAN).await;
    assert_eq!((status, &refused["detail"]["code"]), (StatusCode::FORBIDDEN, &json!("forbidden")), "it has no account");
}

#[tokio::test(flavor = "multi_thread")]
async fn thresholds_are_kept_and_a_change_of_plan_leaves_them_alone() {
    let data = data();
    let product = product(data.path()).await;
    let token = Browser::open(&product).await.token("ada").await;
    let set =
        async |body: Value| answer(product.request(Method::PUT, &token, "/v1/account/moderation").json(&body)).await;
    assert_eq!(answer(product.get(&token, "/v1/account")).await.1["moderation"], json!({"flag": null, "reject": null}));
    let thresholds = json!({"flag": 0.7, "reject": 0.95});
    assert_eq!(set(thresholds.clone()).await, (StatusCode::OK, thresholds.clone()));
    for wrong in [json!({"flag": 0.9, "reject": 0.1}), json!({"flag": 2}), json!({"flag": "high"}), json!(null)] {
        let (status, refused) = set(wrong).await;
        assert_eq!((status.as_u16(), &refused["detail"]["code"]), (422, &json!("invalid_request")));
    }
    let operator = operator(data.path()).await;
    let plan = product.request(Method::PUT, &operator, "/v1/operator/accounts/ada/plan");
    assert_eq!(answer(plan.json(&json!({"plan": "pro"}))).await.1["moderation"], thresholds);
    assert_eq!(set(json!({"flag": null})).await.1, json!({"flag": null, "reject": null}));
    assert_eq!(answer(product.get(&token, "/v1/account")).await.1["plan"], "pro");
}
