//! The embedded services without a server, and the compiled Lambda functions on the Lambda runtime API against them.

use crate::binary;
use api::{App, Settings, router};
use cloud::{Accounts, Clients, Names, Pepper, Scans, Usage};
use fetch::{AddressPolicy, FetchLimits, Fetcher};
use lambda_simulator::Simulator;
use scan::{Account, Pack, Plan, Stage};
use serde_json::{Value, json};
use service::{Detect, DetectSettings, Recorder};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use truthlens::data::DataDir;
use truthlens::embedded::{Embedded, Endpoints, Queue, Queues};
use truthlens::installation::Installation;
use truthlens::stream::Stream;

/// DynamoDB, SQS and S3 with our tables, queues and bucket.
pub struct Stack {
    /// The way to them.
    pub clients: Clients,
    /// What everything is called.
    pub names: Names,
    /// What keys are hashed with.
    pub pepper: Pepper,
    /// The pack that scans are judged by, and its folder.
    pub pack: Arc<Pack>,
    /// The queues of the stages.
    pub queues: BTreeMap<Stage, Queue>,
    /// What content comes in by.
    pub intake: Queues,
    folder: PathBuf,
    embedded: Embedded,
    data: TempDir,
}

impl Stack {
    /// Starts the services for a pack. Jobs that were received and not deleted are delivered again after
    /// `visibility_timeout`.
    pub async fn start(folder: &Path, visibility_timeout: Duration) -> Self {
        let pack = Arc::new(Pack::parse(&std::fs::read_to_string(folder.join("pack.toml")).unwrap()).unwrap());
        let data = tempfile::tempdir().unwrap();
        let embedded = Embedded::start(data.path()).await.unwrap();
        let stages: Vec<Stage> = pack.neural_stages().collect();
        let folder = folder.to_owned();
        let Installation { clients, names, pepper, queues, intake, .. } =
            Installation::whole(embedded.clients(), &DataDir::new(data.path()), &stages, visibility_timeout)
                .await
                .unwrap();
        Self { clients, names, pepper, pack, queues, intake: intake.unwrap(), folder, embedded, data }
    }

    /// The scans table.
    pub fn scans(&self) -> Scans {
        Scans::of(&self.clients, &self.names)
    }

    /// Where the services listen.
    pub fn endpoints(&self) -> &Endpoints {
        &self.embedded.endpoints
    }

    /// The folder that everything is kept in.
    pub fn folder(&self) -> &Path {
        self.data.path()
    }

    /// The stream of the scans table.
    pub fn stream(&self) -> Stream {
        Stream::new(self.embedded.streams(), self.names.scans.clone(), self.data.path().join("stream-position"))
    }

    /// What was changed in the scans table since the last call, as the event source mapping would hand it to the
    /// function.
    pub async fn changes(&self) -> Vec<Value> {
        let events = Arc::new(Mutex::new(Vec::new()));
        let handler = |event| {
            events.lock().unwrap().push(serde_json::to_value(event).unwrap());
            async { Default::default() }
        };
        // Stopped from the beginning: it reads what is there.
        let (_stop, stopped) = tokio::sync::watch::channel(true);
        self.stream().pump(handler, stopped).await;
        std::mem::take(&mut *events.lock().unwrap())
    }

    /// The usage table.
    pub fn usage(&self) -> Usage {
        Usage::new(self.clients.dynamodb.clone(), self.names.usage.clone())
    }

    /// Outcomes go here.
    pub fn recorder(&self) -> Recorder {
        Recorder::new(self.scans(), self.pack.clone())
    }

    /// The detect use case.
    pub fn detect(&self) -> Detect {
        self.detect_with(DetectSettings::default())
    }

    /// The detect use case with other settings.
    pub fn detect_with(&self, settings: DetectSettings) -> Detect {
        let fetcher = Fetcher::new(AddressPolicy::public_only(), FetchLimits::default());
        Detect::new(self.pack.clone(), &self.clients, &self.names, fetcher, settings)
    }

    /// The API on a socket, in this process; its URL. It ends with the test.
    pub async fn serve(&self, settings: Settings) -> String {
        let app = App::new(&self.clients, &self.names, self.pepper.clone(), self.pack.clone(), settings);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router(app)).await });
        url
    }

    /// An account on a plan.
    pub async fn account(&self, name: &str, plan: Plan) -> Account {
        let account = Account::new(name.parse().unwrap(), plan);
        let accounts = Accounts::new(self.clients.dynamodb.clone(), self.names.accounts.clone());
        accounts.open(account).await.unwrap()
    }

    /// A key of an account, in the clear.
    pub async fn key(&self, account: &Account) -> String {
        let keys = cloud::Keys::new(self.clients.dynamodb.clone(), self.names.keys.clone(), self.pepper.clone());
        keys.create(&account.id, "test").await.unwrap().0.reveal().to_owned()
    }

    /// Takes one job of a stage from its queue, as the event source mapping would hand it to the function.
    pub async fn receive(&self, stage: Stage) -> Option<Value> {
        self.receive_from(&self.names.queues[&stage]).await
    }

    /// Takes one message from a queue in the same way.
    pub async fn receive_from(&self, queue: &str) -> Option<Value> {
        let receive = self.clients.sqs.receive_message().queue_url(queue).wait_time_seconds(5);
        let receive = receive.message_system_attribute_names("ApproximateReceiveCount".into());
        let message = receive.send().await.unwrap().messages?.into_iter().next()?;
        let count = message.attributes.iter().flatten().next().map(|(_, count)| count.clone());
        let record = json!({
            "messageId": message.message_id, "receiptHandle": message.receipt_handle, "body": message.body,
            "attributes": {"ApproximateReceiveCount": count}, "messageAttributes": {}, "eventSource": "aws:sqs",
            "awsRegion": "us-east-1",
        });
        Some(json!({ "Records": [record] }))
    }

    /// Starts a compiled function of this workspace on a simulated Lambda runtime API.
    pub async fn function(&self, name: &str) -> Function {
        self.function_with(name, &[]).await
    }

    /// The same with further variables.
    pub async fn function_with(&self, name: &str, variables: &[(&str, String)]) -> Function {
        let simulator = Simulator::builder().function_name(name).build().await.unwrap();
        let api = simulator.runtime_api_url().trim_start_matches("http://").to_owned();
        let endpoints = &self.embedded.endpoints;
        let mut environment = BTreeMap::from([
            ("AWS_LAMBDA_RUNTIME_API".to_owned(), api),
            ("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), endpoints.dynamodb.clone()),
            ("AWS_ENDPOINT_URL_SQS".to_owned(), endpoints.sqs.clone()),
            ("AWS_ENDPOINT_URL_S3".to_owned(), endpoints.s3.clone()),
            ("KEY_PEPPER".to_owned(), std::fs::read_to_string(self.data.path().join("pepper")).unwrap()),
            ("PACK_MANIFEST".to_owned(), self.folder.join("pack.toml").display().to_string()),
            ("PACK_DIR".to_owned(), self.folder.display().to_string()),
            ("WAIT_BUDGET_MS".to_owned(), "200".to_owned()),
        ]);
        let fixed = [
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_LAMBDA_FUNCTION_NAME", name),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "log"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
            ("RUST_LOG", "warn"),
        ];
        environment.extend(fixed.map(|(name, value)| (name.to_owned(), value.to_owned())));
        environment.extend(self.names.to_env());
        environment.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let mut child =
            Command::new(binary(name)).envs(environment).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let (log, mut lines) =
            (Arc::new(Mutex::new(String::new())), BufReader::new(child.stdout.take().unwrap()).lines());
        let written = log.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                written.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        Function { simulator, child, log }
    }
}

/// A compiled function and the runtime API that feeds it.
pub struct Function {
    simulator: Simulator,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Function {
    /// Hands it an event and waits for its answer.
    pub async fn invoke(&self, event: Value) -> Value {
        self.attempt(event).await.expect("the function answers")
    }

    /// The same, where the answer may be an error, which is none.
    pub async fn attempt(&self, event: Value) -> Option<Value> {
        let id = self.simulator.enqueue_payload(event).await;
        // An invocation that completes between the simulator's look at it and its waiting goes unseen (lambda-simulator 0.2.0
        // wakes only who waits already), so it is made to look again.
        const LOOK: Duration = Duration::from_millis(100);
        for _ in 0..600 {
            if let Ok(done) = self.simulator.wait_for_invocation_complete(&id, LOOK).await {
                return done.response.map(|response| response.payload);
            }
        }
        panic!("an invocation does not complete within a minute; the log: {}", self.log());
    }

    /// What it has written to standard output, which Lambda takes as its log.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Hands it an event and does not wait.
    pub async fn send(&self, event: Value) {
        self.simulator.enqueue_payload(event).await;
    }

    /// Waits until it has been started on its first event or asks for one.
    pub async fn ready(&self) {
        let ready = self.simulator.wait_for(|| self.simulator.is_initialized(), Duration::from_secs(60)).await;
        ready.expect("the function asks for its first event");
    }

    /// Ends the process without warning, as when its machine dies.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}
