//! Fetching what users point at, without becoming their proxy into private networks.
//!
//! A URL from a user is a request to be made from where *we* stand: beside instance metadata, databases and admin
//! pages that trust their network (server-side request forgery, CWE-918). Three gates stand before every request, the
//! first one and each that a redirect asks for:
//!
//! 1. [`Target`]: what can be judged from the URL alone: its scheme, credentials, port and name.
//! 2. [`AddressPolicy`]: every address that the name resolves to must be public.
//! 3. [`Guard`]: the connection goes to exactly the addresses that were judged, so that a name which answers
//!    differently a moment later (DNS rebinding) gains nothing.
//!
//! [`Fetcher`] downloads through these gates within limits of size and time. Other outgoing requests to addresses of
//! users' choosing, such as webhooks, go through a [`Guard`] as well.

pub mod address;
pub mod error;
pub mod fetcher;
pub mod guard;
pub mod poster;
pub mod resolve;
pub mod target;

pub use address::{AddressPolicy, InvalidAddress};
pub use error::FetchError;
pub use fetcher::{FetchLimits, Fetcher, is_compressed};
pub use guard::Guard;
pub use poster::Poster;
pub use resolve::{Resolve, SystemResolver};
pub use target::Target;
