//! Tokens against a provider on a socket: what is believed, what is not, and how often the provider is asked.

#![allow(clippy::unwrap_used, clippy::panic)]

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use identity::verifier::Refresh;
use identity::{Identity, IdentityError, Verifier};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Asked anew whenever a key is missing.
const EAGER: Refresh =
    Refresh { fresh: Duration::from_secs(3600), stale: Duration::from_secs(7200), rest: Duration::ZERO };

struct Signer {
    id: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    fn es256(id: &'static str) -> Self {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        Self { id, algorithm: Algorithm::ES256, key: EncodingKey::from_ec_der(pkcs8.as_ref()) }
    }

    fn rs256(id: &'static str) -> Self {
        let pkcs8: Pkcs8V1Der = KeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap();
        // PKCS #1 lies in PKCS #8 behind version, algorithm and lengths: 26 bytes for 2,048 bits (RFC 5958).
        Self { id, algorithm: Algorithm::RS256, key: EncodingKey::from_rsa_der(&pkcs8.as_ref()[26..]) }
    }

    fn public(&self) -> Value {
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&self.key, self.algorithm).unwrap()).unwrap();
        jwk["kid"] = json!(self.id);
        jwk
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.id.to_owned()), ..Header::new(self.algorithm) };
        encode(&header, claims, &self.key).unwrap()
    }
}

/// A provider that says what it is told to, and counts how often its keys are asked for.
#[derive(Clone)]
struct Provider {
    url: String,
    keys: Arc<Mutex<Option<Value>>>,
    metadata: Arc<Mutex<Value>>,
    asked: Arc<AtomicUsize>,
}

impl Provider {
    async fn start(keys: &[&Signer]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/pool", listener.local_addr().unwrap());
        let metadata = json!({
            "issuer": url, "jwks_uri": format!("{url}/keys"), "authorization_endpoint": "a", "token_endpoint": "t",
        });
        let (metadata, asked) = (Arc::new(Mutex::new(metadata)), Arc::new(AtomicUsize::new(0)));
        let provider = Self { url, keys: Arc::default(), metadata, asked };
        provider.publish(keys);
        let routes = Router::new()
            .route("/pool/.well-known/openid-configuration", get(Self::discovery))
            .route("/pool/keys", get(Self::jwks))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        provider
    }

    fn publish(&self, keys: &[&Signer]) {
        *self.keys.lock().unwrap() = Some(json!({ "keys": keys.iter().map(|key| key.public()).collect::<Vec<_>>() }));
    }

    async fn discovery(State(provider): State<Self>) -> Json<Value> {
        Json(provider.metadata.lock().unwrap().clone())
    }

    async fn jwks(State(provider): State<Self>) -> Result<Json<Value>, StatusCode> {
        provider.asked.fetch_add(1, Ordering::SeqCst);
        provider.keys.lock().unwrap().clone().map(Json).ok_or(StatusCode::BAD_GATEWAY)
    }

    fn verifier(&self, refresh: Refresh) -> Verifier {
        Verifier::new(self.url.parse().unwrap(), ["dashboard".to_owned()].into(), refresh)
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.url, "sub": "ada", "aud": "dashboard", "exp": get_current_timestamp() + 600,
            "scope": "openid truthlens/operator",
        })
    }

    /// The claims, one of them another.
    fn with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[name] = value;
        claims
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_token_for_us_is_believed_whichever_of_both_algorithms_signed_it() {
    let (ec, rsa) = (Signer::es256("ec"), Signer::rs256("rsa"));
    let provider = Provider::start(&[&ec, &rsa]).await;
    let verifier = provider.verifier(EAGER);
    let scopes = ["openid", "truthlens/operator"].map(str::to_owned).into();
    let ada = Identity { subject: "ada".to_owned(), scopes };
    for signer in [&ec, &rsa] {
        assert_eq!(verifier.verify(&signer.sign(&provider.claims())).await.unwrap(), ada);
    }
    assert_eq!(provider.asked(), 1, "the keys are kept");
    let several = provider.with("aud", json!(["other", "dashboard"]));
    assert!(verifier.verify(&ec.sign(&several)).await.is_ok());
    let mut access = provider.with("client_id", json!("dashboard"));
    access.as_object_mut().unwrap().remove("aud");
    assert!(verifier.verify(&ec.sign(&access)).await.is_ok(), "an access token as Cognito makes them");
}

#[tokio::test]
async fn a_token_that_is_not_for_us_is_not_believed() {
    let ec = Signer::es256("ec");
    let provider = Provider::start(&[&ec]).await;
    let verifier = provider.verifier(EAGER);
    let now = get_current_timestamp();
    for (name, value) in [
        ("iss", json!("https://example.com")),
        ("iss", json!([provider.url])),
        ("iss", Value::Null),
        ("sub", Value::Null),
        ("sub", json!(7)),
        ("exp", json!(now - 61)),
        ("exp", Value::Null),
        ("exp", json!("tomorrow")),
        ("nbf", json!(now + 120)),
        ("aud", json!("another")),
        ("aud", json!([])),
        ("aud", json!({})),
    ] {
        let token = ec.sign(&provider.with(name, value.clone()));
        let refused = verifier.verify(&token).await;
        assert!(refused.as_ref().is_err_and(|error| !error.is_unavailable()), "{name} {value}: {refused:?}");
    }
    // Another application's, although it names us as well.
    let mut foreign = provider.with("aud", json!("another"));
    foreign["client_id"] = json!("dashboard");
    assert!(matches!(verifier.verify(&ec.sign(&foreign)).await, Err(IdentityError::Audience)));
    let expired = provider.with("exp", json!(now - 61));
    assert!(matches!(verifier.verify(&ec.sign(&expired)).await, Err(IdentityError::Expired)));
}

#[tokio::test]
async fn what_the_header_claims_has_no_say() {
    let (ec, rsa, stranger) = (Signer::es256("ec"), Signer::rs256("rsa"), Signer::es256("ec"));
    let provider = Provider::start(&[&ec, &rsa]).await;
    let verifier = provider.verifier(EAGER);
    let claims = provider.claims();
    // Signed by a key that merely has the same id.
    assert!(matches!(verifier.verify(&stranger.sign(&claims)).await, Err(IdentityError::Invalid(_))));
    // The public key taken for the secret of an HMAC (RFC 8725, section 2.1).
    let public = serde_json::to_vec(&rsa.public()).unwrap();
    let header = Header { kid: Some("rsa".to_owned()), ..Header::new(Algorithm::HS256) };
    let confused = encode(&header, &claims, &EncodingKey::from_secret(&public)).unwrap();
    assert!(verifier.verify(&confused).await.is_err());
    // One key's id over another key's signature, and a signature of no algorithm at all.
    let header = Header { kid: Some("rsa".to_owned()), ..Header::new(Algorithm::ES256) };
    assert!(verifier.verify(&encode(&header, &claims, &ec.key).unwrap()).await.is_err());
    let good = ec.sign(&claims);
    let none = format!("eyJhbGciOiJub25lIiwia2lkIjoiZWMifQ.{}.", good.split('.').nth(1).unwrap());
    assert!(verifier.verify(&none).await.is_err());
    let mut parts: Vec<&str> = good.split('.').collect();
    let other = ec.sign(&provider.with("sub", json!("eve")));
    parts[1] = other.split('.').nth(1).unwrap();
    assert!(matches!(verifier.verify(&parts.join(".")).await, Err(IdentityError::Invalid(_))));
    let no_id = encode(&Header::new(Algorithm::ES256), &claims, &ec.key).unwrap();
    for wrong in ["", "..", "a.b.c", &no_id, &"x".repeat(9_000), &format!("{good}{}", "A".repeat(9_000))] {
        assert!(matches!(verifier.verify(wrong).await, Err(IdentityError::Malformed)), "{wrong}");
    }
}

#[tokio::test]
async fn new_keys_are_found_and_unknown_ones_cost_one_question_in_a_while() {
    let (old, new) = (Signer::es256("old"), Signer::es256("new"));
    let provider = Provider::start(&[&old]).await;
    let rest = Duration::from_millis(300);
    let verifier = provider.verifier(Refresh { rest, ..EAGER });
    assert!(verifier.verify(&old.sign(&provider.claims())).await.is_ok());
    let unknown = new.sign(&provider.claims());
    for _ in 0..50 {
        assert!(matches!(verifier.verify(&unknown).await, Err(IdentityError::UnknownKey)));
    }
    assert_eq!(provider.asked(), 1);
    provider.publish(&[&new]);
    tokio::time::sleep(rest).await;
    assert!(verifier.verify(&unknown).await.is_ok(), "the provider turned its keys over");
    assert_eq!(provider.asked(), 2);
    let gone = verifier.verify(&old.sign(&provider.claims())).await;
    assert!(matches!(gone, Err(IdentityError::UnknownKey)), "a key that is not published any more opens nothing");
}

#[tokio::test]
async fn known_keys_outlive_a_provider_that_is_down_for_a_while() {
    let ec = Signer::es256("ec");
    let provider = Provider::start(&[&ec]).await;
    let refresh = Refresh { fresh: Duration::ZERO, stale: Duration::from_millis(800), rest: Duration::ZERO };
    let verifier = provider.verifier(refresh);
    let token = ec.sign(&provider.claims());
    assert!(verifier.verify(&token).await.is_ok());
    *provider.keys.lock().unwrap() = None;
    assert!(verifier.verify(&token).await.is_ok());
    tokio::time::sleep(refresh.stale).await;
    assert!(verifier.verify(&token).await.unwrap_err().is_unavailable(), "but not for ever");
}

#[tokio::test]
async fn a_provider_that_does_not_answer_or_answers_nonsense_is_unavailable_not_wrong() {
    let ec = Signer::es256("ec");
    let provider = Provider::start(&[&ec]).await;
    let token = ec.sign(&provider.claims());
    let refused = async |metadata: Value, keys: Option<Value>| {
        (*provider.metadata.lock().unwrap(), *provider.keys.lock().unwrap()) = (metadata, keys);
        provider.verifier(EAGER).verify(&token).await.unwrap_err()
    };
    let metadata = provider.metadata.lock().unwrap().clone();
    let mut foreign = metadata.clone();
    foreign["issuer"] = json!("https://example.com");
    let mut private = metadata.clone();
    private["jwks_uri"] = json!("http://169.254.169.254/latest/meta-data");
    let keys = Some(json!({ "keys": [ec.public()] }));
    assert!(refused(foreign, keys.clone()).await.is_unavailable());
    assert!(refused(private, keys.clone()).await.is_unavailable());
    assert!(refused(json!("nonsense"), keys).await.is_unavailable());
    assert!(refused(metadata.clone(), Some(json!([]))).await.is_unavailable());
    assert!(refused(metadata.clone(), None).await.is_unavailable());
    let filler = "x".repeat(200_000);
    assert!(refused(metadata.clone(), Some(json!({ "keys": [], "filler": filler }))).await.is_unavailable());
    let encryption = json!({ "keys": [{ "kty": "oct", "kid": "ec", "k": "AAAA" }, { "kty": "new", "kid": "ec" }] });
    assert!(matches!(refused(metadata, Some(encryption)).await, IdentityError::UnknownKey));
}
