//! `truthlens serve`: the product in one process.

use super::{DataArgs, PackArgs, load_engine};
use crate::data::{DataDir, Listening};
use crate::dev_issuer::{self, DevIssuer, SigningKey};
use crate::embedded::Embedded;
use crate::installation::Installation;
use crate::pumps::Functions;
use anyhow::{Context, Result};
use api::{App, Settings, SignInSettings, router};
use clap::Args;
use cloud::deadlines::LONGEST_DEADLINE;
use detectors::image::Limits;
use fetch::AddressPolicy;
use scan::{Account, Pack, Plan};
use service::{DetectSettings, Rates};
use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use telemetry::Meter;
use tokio::net::TcpListener;

/// Run the API on this machine, with embedded DynamoDB, SQS and S3.
///
/// Everything listens on 127.0.0.1 only, and everything kept lies in the data folder. The first start makes a demo
/// account and prints its API key, once. Ctrl-C lets running requests finish; a second Ctrl-C does not.
#[derive(Args)]
pub struct Serve {
    /// Port of the API; 0 lets the system choose.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// How long a request waits for its verdict before it answers 202.
    #[arg(long, value_name = "MS", default_value_t = 25_000, env = "TRUTHLENS_WAIT_BUDGET_MS")]
    wait_budget_ms: u64,
    /// How long a scan may run before it ends with the stages that it has.
    #[arg(long, value_name = "S", default_value_t = 300, env = "TRUTHLENS_SCAN_DEADLINE_SECONDS",
        value_parser = clap::value_parser!(u64).range(..=LONGEST_DEADLINE.as_secs()))]
    scan_deadline_seconds: u64,
    /// How long a job that a worker took and did not finish stays hidden from other workers.
    #[arg(long, value_name = "S", default_value_t = 120, env = "TRUTHLENS_VISIBILITY_TIMEOUT_SECONDS")]
    visibility_timeout_seconds: u64,
    /// Requests a minute and account to each endpoint, instead of the documented 60 (batches: 10); for tests.
    #[arg(long, value_name = "N", env = "TRUTHLENS_RATE_LIMIT")]
    rate_limit: Option<u64>,
    /// The largest image that is decoded, in pixels.
    #[arg(long, value_name = "N", default_value_t = scan::image::MAX_PIXELS, env = "TRUTHLENS_MAX_IMAGE_PIXELS")]
    max_image_pixels: u64,
    /// Addresses that image URLs and webhooks may lead to although they are not public, such as 127.0.0.1:8000; several
    /// separated by commas. For development: whoever may scan can then read what answers there.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "", env = "TRUTHLENS_FETCH_ALLOW")]
    fetch_allow: AddressPolicy,
    /// Do not run neural stages in this process: jobs wait in their queues for another worker.
    #[arg(long)]
    no_inference: bool,
    #[command(flatten)]
    pack: PackArgs,
    #[command(flatten)]
    data: DataArgs,
}

impl Serve {
    /// Serves until Ctrl-C or SIGTERM.
    pub async fn run(self) -> Result<()> {
        log_to_stderr();
        let data = self.data.data();
        data.create()?;
        let lock = data.lock()?.with_context(|| format!("a server runs on {} already", data.root().display()))?;
        let (folder, pack) = self.pack.open(&data)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await;
        let listener = listener.with_context(|| format!("cannot listen on port {}; choose with --port", self.port))?;
        let address = listener.local_addr()?;
        let engine = match self.no_inference {
            true => None,
            false => Some(load_engine(folder, pack.clone()).await?),
        };
        let mut embedded = Embedded::start(data.root()).await?;
        let visibility = Duration::from_secs(self.visibility_timeout_seconds);
        let neural: Vec<_> = pack.neural_stages().collect();
        let installation = Installation::whole(embedded.clients(), &data, &neural, visibility).await?.holding(lock);
        let url = format!("http://{address}");
        data.publish(&Listening { api: url.clone(), services: embedded.endpoints.clone() })?;
        let issuer = DevIssuer::new(&url, SigningKey::of(&data)?);
        greet(&installation, &data, &url, &pack).await?;

        let functions = Functions {
            installation: &installation,
            data: &data,
            pack: pack.clone(),
            engine,
            detect: self.detect(),
            fetch: self.fetch_allow.clone(),
        };
        let pumps = functions.start(&mut embedded)?;
        let app = self.app(&installation, pack, issuer.url())?;
        let routes = router(app).merge(issuer.router());
        let served = axum::serve(listener, routes).with_graceful_shutdown(shutdown());
        served.await?;
        // Requests have ended; jobs that nobody waits for end now, then what they write to.
        pumps.stop().await;
        data.unpublish();
        embedded.stop().await;
        eprintln!("truthlens: stopped");
        Ok(())
    }

    fn detect(&self) -> DetectSettings {
        let deadline = Duration::from_secs(self.scan_deadline_seconds);
        let images = Limits { max_pixels: self.max_image_pixels, ..Limits::default() };
        let rates = self.rate_limit.map_or_else(Rates::default, |n| Rates { detect: n, batch: n, uploads: n });
        DetectSettings { rates, deadline, images }
    }

    fn app(&self, installation: &Installation, pack: Arc<Pack>, issuer: &str) -> Result<App> {
        let settings = Settings {
            detect: self.detect(),
            fetch: self.fetch_allow.clone(),
            wait_budget: Duration::from_millis(self.wait_budget_ms),
            meter: Meter::Off,
            sign_in: Some(SignInSettings {
                issuer: issuer.parse()?,
                client_id: dev_issuer::CLIENT_ID.to_owned(),
                operator_client_id: Some(dev_issuer::OPERATOR_CLIENT_ID.to_owned()),
                operator_scope: SignInSettings::OPERATOR_SCOPE.to_owned(),
                development: true,
            }),
        };
        Ok(App::new(&installation.clients, &installation.names, installation.pepper.clone(), pack, settings))
    }
}

/// Says where the API is and, at the first start, how to call it.
async fn greet(installation: &Installation, data: &DataDir, url: &str, pack: &Pack) -> Result<()> {
    eprintln!("truthlens: events go to {}", data.root().join("events.jsonl").display());
    eprintln!("truthlens: dashboard at {url}/dashboard, sign in as demo");
    eprintln!("truthlens: listening on {url}, model pack {}, data in {}", pack.label(), data.root().display());
    let demo = "demo".parse()?;
    if installation.accounts().get(&demo).await?.is_some() {
        eprintln!("truthlens: for an API key run: truthlens keys create --account demo");
        return Ok(());
    }
    installation.accounts().open(Account::new(demo.clone(), Plan::Business)).await?;
    let (key, _) = installation.keys().create(&demo, "first start").await?;
    let key = key.reveal();
    let content = "Paste a text here; fifty words or more give a reliable answer.";
    let welcome = format!(
        r#"API key of the demo account (Business plan; shown this once):

  {key}

Try it:

  curl {url}/v1/detect \
    -H "Authorization: Bearer {key}" \
    -H "Content-Type: application/json" \
    -d '{{"modality": "text", "input_type": "raw_text", "content": "{content}"}}'

"#
    );
    // Whoever read the key and went away does not stop the server, as `println!` would.
    let _ = std::io::stdout().write_all(welcome.as_bytes());
    Ok(())
}

/// Ends when the process is asked to. A second Ctrl-C ends the process at once.
async fn shutdown() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    eprintln!("truthlens: finishing what is under way; Ctrl-C again to stop at once");
    tokio::spawn(async {
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    });
}

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn,dynoxide=error".into());
    // Another subscriber is there already when a test serves in its own process.
    let _ = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).try_init();
}
