//! The HTTP API on Lambda.
