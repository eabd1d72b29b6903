//! The use cases that functions and the local server share.
