//! SQS: rustack, in memory.

use super::tasks::Tasks;
use super::{EmbeddedError, server};
use rustack_sqs_core::config::SqsConfig;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_core::provider::RustackSqs;
use rustack_sqs_http::service::{SqsHttpConfig, SqsHttpService};
use std::sync::Arc;

/// Serves queues; answers where. The queues' own URLs carry the same host and port.
pub(super) async fn serve(tasks: &mut Tasks) -> Result<String, EmbeddedError> {
    let (listener, address) = server::listen().await?;
    let config = SqsConfig { host: address.ip().to_string(), port: address.port(), ..SqsConfig::default() };
    let queues = Arc::new(RustackSqs::new(config));
    let service = SqsHttpService::new(Arc::new(RustackSqsHandler::new(queues.clone())), SqsHttpConfig::default());
    tasks.spawn(|stop| server::serve(listener, service, stop));
    // Long polls would outlast any patience: closing the queues ends them, and the queues' own tasks.
    tasks.spawn(|mut stop| async move {
        stop.requested().await;
        queues.shutdown_all().await;
    });
    Ok(format!("http://{address}"))
}
