//! The environment variables that functions are configured by. Each function reads its own configuration from these,
//! once, at start.

use crate::DetectSettings;
use cloud::deadlines::LONGEST_DEADLINE;
use cloud::{Names, NamesError};
use detectors::image::Limits;
use fetch::AddressPolicy;
use scan::Pack;
use scan::image::MAX_PIXELS;
use scan::pack::PackError;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use telemetry::Meter;

/// Environment variables. Secrets are among them, so they have no debug form.
#[derive(Clone)]
pub struct Environment(BTreeMap<String, String>);

/// The function cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A variable is missing.
    #[error(transparent)]
    Missing(#[from] NamesError),
    /// A variable is not what it should be.
    #[error("environment variable {name}: {reason}")]
    Invalid {
        /// Which.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The manifest cannot be read.
    #[error("{path}: {source}")]
    Manifest {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The manifest makes no sense.
    #[error(transparent)]
    Pack(#[from] PackError),
}

impl ConfigError {
    /// For `map_err` after a variable's value was read.
    pub fn invalid<E: Display>(name: &'static str) -> impl FnOnce(E) -> ConfigError {
        move |reason| ConfigError::Invalid { name, reason: reason.to_string() }
    }
}

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// A variable that need not be set.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A variable that must be set.
    pub fn required(&self, name: &'static str) -> Result<&str, ConfigError> {
        Ok(self.optional(name).ok_or_else(|| NamesError(name.to_owned()))?)
    }

    /// A variable that need not be set, but must make sense.
    pub fn parsed<T: FromStr<Err: Display>>(&self, name: &'static str) -> Result<Option<T>, ConfigError> {
        self.optional(name).map(str::parse).transpose().map_err(ConfigError::invalid(name))
    }

    /// A whole number of at most `most`.
    pub fn number(&self, name: &'static str, default: u64, most: u64) -> Result<u64, ConfigError> {
        match self.optional(name).map(str::parse) {
            None => Ok(default),
            Some(Ok(number)) if number <= most => Ok(number),
            Some(_) => Err(ConfigError::invalid(name)(format!("must be a whole number of at most {most}"))),
        }
    }

    /// Tables, queues and buckets; see [`Names::from_env`].
    pub fn names(&self) -> Result<Names, ConfigError> {
        Ok(Names::from_env(|name| self.optional(name).map(str::to_owned))?)
    }

    /// `PACK_MANIFEST`: path of the `pack.toml` that scans are judged by.
    pub fn pack(&self) -> Result<Pack, ConfigError> {
        let path = PathBuf::from(self.required("PACK_MANIFEST")?);
        let manifest = std::fs::read_to_string(&path).map_err(|source| ConfigError::Manifest { path, source })?;
        Ok(Pack::parse(&manifest)?)
    }

    /// `SCAN_DEADLINE_SECONDS` (300, at most 890): how long a scan may run. `MAX_IMAGE_PIXELS` (100,000,000): the largest
    /// image that is decoded.
    pub fn detect_settings(&self) -> Result<DetectSettings, ConfigError> {
        let deadline = self.number("SCAN_DEADLINE_SECONDS", 300, LONGEST_DEADLINE.as_secs())?;
        let max_pixels = self.number("MAX_IMAGE_PIXELS", MAX_PIXELS, u64::MAX)?;
        let images = Limits { max_pixels, ..Limits::default() };
        Ok(DetectSettings { deadline: Duration::from_secs(deadline), images, ..DetectSettings::default() })
    }

    /// `FETCH_ALLOW` (none): addresses that URLs and webhooks may lead to although they are not public, for tests and
    /// development.
    pub fn fetch_policy(&self) -> Result<AddressPolicy, ConfigError> {
        Ok(self.parsed("FETCH_ALLOW")?.unwrap_or_default())
    }

    /// `AWS_LAMBDA_FUNCTION_MEMORY_SIZE` (nothing is metered): the function's memory in MB, which Lambda itself sets.
    /// `PRICE_PER_GB_SECOND` (no cost is told): what Lambda charges for a GB for a second; empty counts as not set.
    pub fn meter(&self) -> Result<Meter, ConfigError> {
        const PRICE: &str = "PRICE_PER_GB_SECOND";
        let priced = self.optional(PRICE).is_some_and(|price| !price.is_empty());
        let price = if priced { self.parsed(PRICE)? } else { None };
        if price.is_some_and(|price: f64| !price.is_finite() || price < 0.0) {
            return Err(ConfigError::invalid(PRICE)("must be a price"));
        }
        let megabytes: Option<f64> = self.parsed("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")?;
        Ok(megabytes.map_or(Meter::Off, |mb| Meter::Lambda { memory_gb: mb / 1024.0, price_per_gb_second: price }))
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let empty = environment(&[]);
        assert_eq!(empty.required("KEY_PEPPER").unwrap_err().to_string(), "environment variable KEY_PEPPER is not set");
        assert_eq!(empty.number("WAIT_BUDGET_MS", 7, 9).unwrap(), 7);
        for wrong in ["", "-1", "10", "nine", "1e3"] {
            let refused = environment(&[("WAIT_BUDGET_MS", wrong)]).number("WAIT_BUDGET_MS", 7, 9).unwrap_err();
            let expected = "environment variable WAIT_BUDGET_MS: must be a whole number of at most 9";
            assert_eq!(refused.to_string(), expected, "{wrong}");
        }
        let nowhere = environment(&[("PACK_MANIFEST", "/nowhere/pack.toml")]).pack().unwrap_err();
        assert!(nowhere.to_string().starts_with("/nowhere/pack.toml: "), "{nowhere}");
    }

    #[test]
    fn a_function_is_metered_where_lambda_says_how_much_memory_it_has() {
        assert_eq!(environment(&[]).meter().unwrap(), Meter::Off);
        let priced = |price| environment(&[("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"), ("PRICE_PER_GB_SECOND", price)]);
        let metered = |price_per_gb_second| Meter::Lambda { memory_gb: 0.5, price_per_gb_second };
        assert_eq!(priced("").meter().unwrap(), metered(None));
        assert_eq!(priced("0.0000166667").meter().unwrap(), metered(Some(0.0000166667)));
        for wrong in ["free", "-1", "inf", "NaN"] {
            assert!(priced(wrong).meter().is_err(), "{wrong}");
        }
    }

    #[test]
    fn scans_have_defaults_and_bounds() {
        let settings = environment(&[]).detect_settings().unwrap();
        assert_eq!((settings.deadline, settings.images.max_pixels), (Duration::from_secs(300), MAX_PIXELS));
        assert!(environment(&[("SCAN_DEADLINE_SECONDS", "890")]).detect_settings().is_ok());
        assert!(environment(&[("SCAN_DEADLINE_SECONDS", "891")]).detect_settings().is_err());
        assert_eq!(environment(&[]).fetch_policy().unwrap(), "".parse().unwrap());
        assert!(environment(&[("FETCH_ALLOW", "somewhere")]).fetch_policy().is_err());
    }
}
