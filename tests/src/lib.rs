//! What the end-to-end tests share: the compiled product on a folder of its own, and packs to run it with.

pub mod emf;
pub mod ends;
pub mod faults;
pub mod mortal;
pub mod packs;
pub mod peer;
pub mod pictures;
pub mod product;
pub mod receiver;
pub mod stack;
pub mod texts;

pub use mortal::Mortal;
pub use peer::Peer;
pub use product::Product;
pub use receiver::Receiver;
pub use stack::Stack;

use std::path::{Path, PathBuf};

/// A binary of this workspace, as `cargo build --release --workspace` left it beside the running test.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let path = test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").join(name);
    assert!(path.is_file(), "{} is not there; run the tests with `make test`, which builds it", path.display());
    path
}

/// A sample event from `events/`, as AWS sends it.
pub fn event(name: &str) -> serde_json::Value {
    let path = workspace().join("events").join(name);
    serde_json::from_slice(&std::fs::read(path).expect("the event is there")).expect("the event is JSON")
}

/// The repository's root.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}
