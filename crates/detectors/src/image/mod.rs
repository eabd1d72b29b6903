//! The inline stages for images: decode once, then read what the file says of its origin and what its spectrum shows.
//!
//! ```text
//! bytes ─ decode ─▶ Picture ─ frequency::measure ─▶ Reading
//!   │                  ├───── views ─────────────▶ Pixels (for the classifier)
//!   │                  └─ Stealth ─┐
//!   └───────────── metadata::provenance ─▶ Provenance ─ metadata::reading ─▶ Reading
//! ```

mod colour;
mod decode;
pub mod frequency;
pub mod metadata;
mod noise;
mod stealth;
mod views;

pub use decode::{DecodeError, Limits, Picture, decode, sniff};
pub use stealth::Stealth;
pub use views::squares;
