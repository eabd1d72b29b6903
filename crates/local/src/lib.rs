//! truthlens: the whole product in one process.

pub mod calibrate;
pub mod commands;
pub mod data;
pub mod dev_issuer;
pub mod embedded;
pub mod eval;
pub mod installation;
pub mod models;
pub mod pump;
pub mod pumps;
pub mod quality;
pub mod stream;
