//! The use cases: what a user can do, in terms of the domain and of what is kept where. Functions and the local
//! server call these and add nothing but their own wire formats.

pub mod account_book;
pub mod arrival;
pub mod authenticate;
pub mod batch;
pub mod detect;
pub mod environment;
pub mod error;
pub mod examine;
pub mod finalize;
pub mod history;
#[cfg(feature = "engine")]
pub mod inference;
pub mod intake;
mod json;
#[cfg(feature = "engine")]
pub mod judge;
pub mod key_ring;
pub mod moderation_request;
mod name;
#[cfg(feature = "engine")]
pub mod neural;
pub mod once;
pub mod publish;
pub mod recorder;
pub mod request;
pub mod reviews;
pub mod sources;
pub mod statement;
pub mod upload;
pub mod webhook_book;
pub mod webhook_delivery;

pub use account_book::{AccountBook, PlanChange};
pub use arrival::Arrival;
pub use authenticate::{Authenticate, SignIn};
pub use batch::{BatchBegun, BatchRequest};
pub use detect::{Begun, Detect, DetectSettings, Rates, Request};
pub use environment::{ConfigError, Environment};
pub use error::ServiceError;
pub use finalize::{Finalize, FinalizeError, TimeIsUp};
pub use history::History;
#[cfg(feature = "engine")]
pub use inference::{Inference, InferenceError};
pub use intake::{Intake, TakenIn, UploadedObject};
#[cfg(feature = "engine")]
pub use judge::Judge;
pub use key_ring::{KeyName, KeyRing};
pub use moderation_request::ModerationRequest;
pub use once::{Done, Fingerprint, IdempotencyKey, Once};
pub use publish::Publish;
pub use recorder::Recorder;
pub use request::{DetectRequest, ImageSource};
pub use reviews::{ReviewRequest, Reviews};
pub use sources::Sources;
pub use statement::{Statement, Statements};
pub use upload::{Upload, UploadRequest};
pub use webhook_book::{WebhookBook, WebhookUrl};
pub use webhook_delivery::{Delivered, WebhookDelivery};
