//! Who signed in: tokens of an OpenID Connect provider, verified against the keys that it publishes.
//!
//! One provider is trusted, by its issuer URL. Its discovery document (OpenID Connect Discovery 1.0, section 4) names
//! where its keys are (JWKS, RFC 7517) and where browsers sign in; both are fetched when first needed and kept for an
//! hour. A token is believed when one of those keys signed it (RS256 or ES256), for us, by that issuer, and it has not
//! expired.

pub mod error;
pub mod keys;
pub mod provider;
pub mod verifier;

pub use error::IdentityError;
pub use provider::{InvalidIssuer, Issuer, Metadata};
pub use verifier::{Identity, Verifier};
