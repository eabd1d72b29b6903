//! DynamoDB: dynoxide, on one SQLite file.

use super::clients::sdk_config;
use super::tasks::Tasks;
use super::{EmbeddedError, server};
use dynoxide::Database;
use std::path::Path;
use std::time::Duration;

/// How often items past their time to live are removed.
const SWEEP: Duration = Duration::from_secs(60);

/// DynamoDB alone, for commands that work on the tables while no server runs.
#[derive(Debug)]
pub struct DynamoDb {
    /// Where it listens.
    pub endpoint: String,
    tasks: Tasks,
}

impl DynamoDb {
    /// Starts it on a port that the system chooses, with its tables under `data`.
    pub async fn start(data: &Path) -> Result<Self, EmbeddedError> {
        let mut tasks = Tasks::default();
        let endpoint = serve(data, &mut tasks).await?;
        Ok(Self { endpoint, tasks })
    }

    /// A client of it.
    pub fn client(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&sdk_config(&self.endpoint))
    }

    /// Lets running requests finish, and returns after two seconds at the latest.
    pub async fn stop(self) {
        self.tasks.stop().await;
    }
}

/// Serves the tables under `data`; answers where.
pub(super) async fn serve(data: &Path, tasks: &mut Tasks) -> Result<String, EmbeddedError> {
    let database = open(data)?;
    let (listener, address) = server::listen().await?;
    let swept = database.clone();
    tasks.every(SWEEP, move || match swept.sweep_ttl() {
        Ok(0) => {}
        Ok(removed) => tracing::debug!(removed, "expired items"),
        Err(error) => tracing::warn!(%error, "expired items could not be removed"),
    });
    tasks.spawn(|mut stop| async move {
        let stopped = async move { stop.requested().await };
        if let Err(error) = dynoxide::server::serve_with_shutdown(listener, database, stopped).await {
            tracing::error!(error, "DynamoDB ended");
        }
    });
    Ok(format!("http://{address}"))
}

fn open(data: &Path) -> Result<Database, EmbeddedError> {
    std::fs::create_dir_all(data).map_err(EmbeddedError::folder(data))?;
    let path = data.join("dynamodb.sqlite");
    // SQLite only ever says that it "cannot open" a file; the system says why.
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path);
    file.map_err(EmbeddedError::folder(data))?;
    let unusable = |reason: String| EmbeddedError::Tables { path: path.clone(), reason };
    let name = path.to_str().ok_or_else(|| unusable("its name is not UTF-8".into()))?;
    let database = Database::new(name).map_err(|error| match error.to_string() {
        // It goes on about encryption, which is not built in.
        reason if reason.contains("not a valid SQLite database") => unusable("it is not an SQLite database".into()),
        reason => unusable(reason),
    })?;
    // The usual settings but for `synchronous = NORMAL`: a write takes a tenth of the time, a crash of this process loses
    // nothing, and a loss of power the last moments at most.
    database.disable_bulk_loading().map_err(|error| unusable(error.to_string()))?;
    Ok(database)
}
