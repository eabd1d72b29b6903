//! The intake function: what S3 tells of objects in the uploads bucket, and messages of the moderation queue. Both come
//! through SQS, with partial batch responses.

pub mod config;
pub mod notification;

pub use config::Config;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use delivery::Handled;
use notification::Notification;
use service::{Intake, ServiceError, TakenIn};
use time::OffsetDateTime;

/// Takes in what each message is about.
pub async fn handle(intake: &Intake, event: SqsEvent) -> SqsBatchResponse {
    delivery::each(&event, |message| async move {
        let taken = take(intake, message).await;
        // Only our own faults come here. Whatever is wrong with the content is a failed scan, and no error.
        taken.map_or_else(
            |error| {
                tracing::warn!(message = delivery::id(message), %error, "intake failed and will be tried again");
                Handled::Again
            },
            |()| Handled::Done,
        )
    })
    .await
}

async fn take(intake: &Intake, message: &SqsMessage) -> Result<(), ServiceError> {
    let (body, id, now) = (delivery::body(message), delivery::id(message), OffsetDateTime::now_utc());
    match Notification::parse(body) {
        Some(notification) => {
            // A message may tell of several objects; those that were taken in are so still when it comes again.
            for object in notification.objects() {
                report(intake.object(object, now).await?, id);
            }
        }
        None => report(intake.message(body, id, now).await?, id),
    }
    Ok(())
}

fn report(taken: TakenIn, message: &str) {
    match taken {
        TakenIn::Scan(scan) => {
            tracing::info!(scan = %scan.id, account = %scan.account, status = scan.state.name(), message, "taken in");
        }
        TakenIn::Before => tracing::info!(message, "taken in before"),
        TakenIn::Nobodys => tracing::warn!(message, "this belongs to no account and was dropped"),
    }
}
