//! The inline stages: pure functions from content to measurements. No I/O, no models.

pub mod image;
mod lexicon;
pub mod stylometry;

pub use stylometry::{looks_english, measure};
