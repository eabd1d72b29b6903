//! truthlens: the whole product in one process.
