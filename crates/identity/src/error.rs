//! Why a token is not believed.

use fetch::FetchError;

/// A token is not believed, or cannot be judged now.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Not a signed token (RFC 7519) with the id of a key, or longer than any real one.
    #[error("The token is malformed.")]
    Malformed,
    /// The issuer publishes no such key.
    #[error("The token is signed with a key that its issuer does not publish.")]
    UnknownKey,
    /// Past its `exp`.
    #[error("The sign-in has expired; sign in again.")]
    Expired,
    /// Another signature, algorithm, issuer or time than it should have.
    #[error("The token is not valid here.")]
    Invalid(#[source] jsonwebtoken::errors::Error),
    /// The token is for another application.
    #[error("The token was issued for another application.")]
    Audience,
    /// The provider does not answer.
    #[error("The sign-in service cannot be reached; try again in a moment.")]
    Unreachable(#[from] FetchError),
    /// The provider was asked and did not answer a moment ago.
    #[error("The sign-in service cannot be reached; try again in a moment.")]
    Resting,
    /// The provider's documents are not what the specifications say.
    #[error("The sign-in service answered with what cannot be used: {0}.")]
    Provider(&'static str),
}

impl IdentityError {
    /// Whether the fault lies with the provider or the way to it, and not with the token.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Resting | Self::Provider(_))
    }
}
