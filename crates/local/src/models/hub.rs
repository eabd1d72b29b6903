//! Hugging Face model repositories.

use super::ModelsError;
use super::download::Remote;
use reqwest::Url;

/// A hub and the right to read from it.
#[derive(Debug, Clone)]
pub struct Hub {
    /// Base address.
    pub endpoint: String,
    /// Access token for gated and private models. Sent to the hub only, not to where it redirects.
    pub token: Option<String>,
}

impl Hub {
    /// `HF_ENDPOINT` or the public hub; `HF_TOKEN`. The variables are those of Hugging Face's own tools.
    pub fn from_env() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            endpoint: variable("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned()),
            token: variable("HF_TOKEN"),
        }
    }

    /// The address of a file at a revision: `<endpoint>/<repository>/resolve/<revision>/<file>`.
    pub(super) fn locate(&self, repository: &str, revision: &str, file: &str) -> Result<Remote, ModelsError> {
        let address = format!("{}/{repository}/resolve/{revision}/{file}", self.endpoint.trim_end_matches('/'));
        let url = Url::parse(&address)
            .map_err(|error| ModelsError::Network { origin: address, reason: format!("{error} (HF_ENDPOINT?)") })?;
        Ok(Remote { url, token: self.token.clone() })
    }
}
