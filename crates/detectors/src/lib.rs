//! The inline stages: pure functions from content to scores.
