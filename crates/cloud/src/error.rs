//! What can go wrong between us and AWS.

use aws_smithy_types::error::display::DisplayErrorContext;
use std::error::Error;

/// A failed call, or stored data that does not read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloudError {
    /// A service refused or did not answer.
    #[error("{operation}: {message}")]
    Service {
        /// Which call.
        operation: &'static str,
        /// The whole chain of causes, for logs.
        message: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// An item has not the shape that we write.
    #[error("stored item: {0}")]
    Item(#[from] serde_dynamo::Error),
    /// A message or parked object has not the shape that we write.
    #[error("stored data: {0}")]
    Data(String),
    /// An object is larger than anything that is kept under such a key.
    #[error("a stored object is larger than {limit} bytes")]
    TooLarge {
        /// The most that is read.
        limit: usize,
    },
    /// No queue is configured for a stage.
    #[error("no queue is configured for stage {0}")]
    NoQueue(scan::Stage),
}

impl CloudError {
    /// For `map_err` after an SDK call.
    pub(crate) fn of<E: Error + Send + Sync + 'static>(operation: &'static str) -> impl FnOnce(E) -> CloudError {
        move |error| CloudError::Service {
            operation,
            message: DisplayErrorContext(&error).to_string(),
            source: Box::new(error),
        }
    }
}
