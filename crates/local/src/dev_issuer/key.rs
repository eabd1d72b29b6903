//! The key that the development issuer signs with: made at first use, kept in the data folder.

use super::{CLIENT_ID, OPERATOR_CLIENT_ID};
use crate::data::DataDir;
use anyhow::{Context, Result, anyhow};
use api::SignInSettings;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use scan::AccountId;
use serde_json::{Value, json};
use time::OffsetDateTime;

/// How long a token is good for, in seconds.
const LIFETIME: i64 = 3600;

/// A P-256 key (ES256), its public half, and its id: the thumbprint (RFC 7638).
pub struct SigningKey {
    key: EncodingKey,
    public: Jwk,
    id: String,
}

impl SigningKey {
    /// The data folder's key.
    pub fn of(data: &DataDir) -> Result<Self> {
        let pkcs8 = data.secret("issuer.p8", || {
            let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
            Ok(made.map_err(|_| anyhow!("no key could be made"))?.as_ref().to_vec())
        })?;
        Self::from_pkcs8(&pkcs8).context("issuer.p8 in the data folder is damaged")
    }

    fn from_pkcs8(pkcs8: &[u8]) -> Result<Self> {
        let key = EncodingKey::from_ec_der(pkcs8);
        let mut public = Jwk::from_encoding_key(&key, Algorithm::ES256)?;
        let id = public.thumbprint(ThumbprintHash::SHA256)?;
        public.common.key_id = Some(id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { key, public, id })
    }

    /// What others check signatures with.
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.public] })
    }

    /// The answer to a token request: an access token in the form of Cognito's, and an ID token.
    pub fn sign_in(&self, issuer: &str, account: &AccountId, nonce: Option<&str>) -> Result<Value> {
        let id = json!({ "sub": account, "aud": CLIENT_ID, "nonce": nonce, "token_use": "id" });
        Ok(json!({
            "access_token": self.account_token(issuer, account)?,
            "id_token": self.sign(issuer, id)?,
            "token_type": "Bearer",
            "expires_in": LIFETIME,
        }))
    }

    /// An access token for an account, without a browser.
    pub fn account_token(&self, issuer: &str, account: &AccountId) -> Result<String> {
        self.sign(issuer, json!({ "sub": account, "client_id": CLIENT_ID, "scope": "openid", "token_use": "access" }))
    }

    /// An access token as a billing system has it.
    pub fn operator_token(&self, issuer: &str) -> Result<String> {
        let (client, scope) = (OPERATOR_CLIENT_ID, SignInSettings::OPERATOR_SCOPE);
        self.sign(issuer, json!({ "sub": client, "client_id": client, "scope": scope, "token_use": "access" }))
    }

    fn sign(&self, issuer: &str, mut claims: Value) -> Result<String> {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        claims["iss"] = json!(issuer);
        claims["iat"] = json!(now);
        claims["exp"] = json!(now + LIFETIME);
        let header = Header { kid: Some(self.id.clone()), ..Header::new(Algorithm::ES256) };
        Ok(encode(&header, &claims, &self.key)?)
    }
}
