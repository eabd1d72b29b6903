//! Writes that meet on one item. DynamoDB refuses, rather than delays, a write to an item that a transaction is writing,
//! and the SDK does not try that again by itself.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use rand::Rng;
use std::time::Duration;

/// How often a write is tried. With the pauses below, for about three seconds.
const ATTEMPTS: u32 = 9;
/// The longest of the first pauses; each later one is at most twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// An error that may be no more than two writes at the same moment.
pub(crate) trait Conflict {
    /// Whether it is.
    fn is_conflict(&self) -> bool;
}

impl Conflict for SdkError<UpdateItemError> {
    fn is_conflict(&self) -> bool {
        self.as_service_error().is_some_and(UpdateItemError::is_transaction_conflict_exception)
    }
}

impl Conflict for SdkError<TransactWriteItemsError> {
    fn is_conflict(&self) -> bool {
        match self.as_service_error() {
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => true,
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                let codes = || cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
                // A refused condition will be refused again.
                codes().all(|code| code != "ConditionalCheckFailed")
                    && codes().any(|code| {
                        matches!(code, "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")
                    })
            }
            _ => false,
        }
    }
}

/// Tries a write again for as long as it meets others.
pub(crate) async fn retried<F, T, E>(mut write: impl FnMut() -> F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
    E: Conflict,
{
    for attempt in 1..ATTEMPTS {
        match write().await {
            Err(error) if error.is_conflict() => {
                let pause = (FIRST_PAUSE * 2u32.pow(attempt)).mul_f64(rand::rng().random());
                tokio::time::sleep(pause).await;
            }
            done => return done,
        }
    }
    write().await
}

/// Which write of a cancelled transaction was refused by its condition: the first such.
pub(crate) fn refused_write(error: &SdkError<TransactWriteItemsError>) -> Option<usize> {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
        return None;
    };
    cancelled.cancellation_reasons().iter().position(|reason| reason.code() == Some("ConditionalCheckFailed"))
}
