//! The inline stages for images: decode once, then read what the file says of its origin and what its spectrum shows.
//!
//! ```text
//! bytes ─ decode ─▶ Picture ─ frequency::measure ─▶ Reading
//!   │                  └───── views ─────────────▶ Pixels (for the classifier)
//!   └─ metadata::provenance ─▶ Provenance ─ metadata::reading ─▶ Reading
//! ```

mod colour;
mod decode;
pub mod frequency;
pub mod metadata;
mod noise;
mod views;

pub use decode::{DecodeError, Limits, Picture, decode, sniff};
pub use views::squares;
