//! The use cases: what a user can do, in terms of the domain and of what is kept where. Functions and the local
//! server call these and add nothing but their own wire formats.

pub mod account_book;
pub mod authenticate;
pub mod batch;
pub mod detect;
pub mod error;
pub mod examine;
pub mod history;
#[cfg(feature = "engine")]
pub mod inference;
mod json;
#[cfg(feature = "engine")]
pub mod judge;
pub mod key_ring;
#[cfg(feature = "engine")]
pub mod neural;
pub mod once;
pub mod recorder;
pub mod request;
pub mod sources;
pub mod statement;
pub mod upload;

pub use account_book::{AccountBook, PlanChange};
pub use authenticate::{Authenticate, SignIn};
pub use batch::{BatchBegun, BatchRequest};
pub use detect::{Begun, Detect, DetectSettings, Rates, Request};
pub use error::ServiceError;
pub use history::History;
#[cfg(feature = "engine")]
pub use inference::{Inference, InferenceError};
#[cfg(feature = "engine")]
pub use judge::Judge;
pub use key_ring::{KeyName, KeyRing};
pub use once::{Done, Fingerprint, IdempotencyKey, Once};
pub use recorder::Recorder;
pub use request::{DetectRequest, ImageSource};
pub use sources::Sources;
pub use statement::{Statement, Statements};
pub use upload::{Upload, UploadRequest};
