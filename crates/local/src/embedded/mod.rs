//! The laptop's AWS: DynamoDB, SQS and S3 in this process, on loopback ports, for the real AWS SDK.
//!
//! DynamoDB keeps its tables in `dynamodb.sqlite` and S3 its objects below `s3/`, both in one data folder that one
//! process may use at a time. SQS keeps its messages in memory.

mod clients;
mod cors;
mod dynamodb;
mod error;
mod object_names;
mod provision;
mod s3;
mod server;
mod sqs;
mod tasks;
mod uploads;

pub use clients::Endpoints;
pub use cloud::Clients;
pub use dynamodb::DynamoDb;
pub use error::EmbeddedError;
pub use provision::{Provisioned, Queue, Queues, names, provision, provision_tables};

pub use uploads::ObjectCreated;

use std::path::Path;
use tasks::Tasks;
use tokio::sync::mpsc;

/// DynamoDB, SQS and S3 on loopback ports, with their data under a folder. They end with [`Embedded::stop`], or
/// abruptly when this is dropped.
#[derive(Debug)]
pub struct Embedded {
    /// Where they listen.
    pub endpoints: Endpoints,
    created: Option<mpsc::Receiver<ObjectCreated>>,
    tasks: Tasks,
}

impl Embedded {
    /// Starts all three on ports that the system chooses; they answer once this returns.
    pub async fn start(data: &Path) -> Result<Self, EmbeddedError> {
        let mut tasks = Tasks::default();
        let (s3, created) = s3::serve(data, &mut tasks).await?;
        let dynamodb = dynamodb::serve(data, &mut tasks).await?;
        let endpoints = Endpoints { dynamodb, sqs: sqs::serve(&mut tasks).await?, s3 };
        Ok(Self { endpoints, created: Some(created), tasks })
    }

    /// Clients of the three.
    pub fn clients(&self) -> Clients {
        self.endpoints.clients()
    }

    /// The objects that are put into any bucket from now on; `None` the second time.
    pub fn created(&mut self) -> Option<mpsc::Receiver<ObjectCreated>> {
        self.created.take()
    }

    /// A client of the streams of the tables.
    pub fn streams(&self) -> aws_sdk_dynamodbstreams::Client {
        aws_sdk_dynamodbstreams::Client::new(&clients::sdk_config(&self.endpoints.dynamodb))
    }

    /// Accepts nothing more, lets running requests finish, and returns after two seconds at the latest.
    pub async fn stop(self) {
        self.tasks.stop().await;
    }
}
