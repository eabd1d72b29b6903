//! The neural text stages: from a text to a reading.

pub mod binoculars;
pub mod encoder;
