//! `truthlens`: the command line.

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use truthlens::commands::{accounts, calibrate, detect, eval, inspect, keys, models, quality, serve, token};
use utoipa::OpenApi;

/// Tells whether a text or an image was made by AI: a server with the whole TruthLens API, and tools around it.
///
/// Start with `truthlens models pull` and `truthlens serve`, or let `make run` do both.
#[derive(Parser)]
#[command(name = "truthlens", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the API on this machine, with embedded DynamoDB, SQS and S3.
    Serve(serve::Serve),
    /// Make, list and revoke API keys.
    Keys(keys::Keys),
    /// Show accounts and change their plans.
    Accounts(accounts::Accounts),
    /// Print an access token of the development issuer.
    Token(token::Token),
    /// Fetch, list and verify model packs.
    Models(models::Models),
    /// Judge one text or image, without a server.
    Detect(detect::Detect),
    /// Print what an image file says of its own origin.
    Inspect(inspect::Inspect),
    /// Print the API's description: OpenAPI 3.1 as JSON.
    Openapi,
    /// Measure the detector on labelled texts or images.
    Eval(eval::Eval),
    /// Fit a pack's calibrations, blend and thresholds on labelled texts or images.
    Calibrate(calibrate::Calibrate),
    /// Write how good a pack is, from rows that `eval` wrote: tables and diagrams.
    Quality(quality::Quality),
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Serve(serve) => serve.run().await,
        Command::Keys(keys) => keys.run().await,
        Command::Accounts(accounts) => accounts.run().await,
        Command::Token(token) => token.run(),
        Command::Models(models) => models.run().await,
        Command::Detect(detect) => detect.run().await,
        Command::Inspect(inspect) => inspect.run(),
        Command::Openapi => describe(),
        Command::Eval(eval) => eval.run().await,
        Command::Calibrate(calibrate) => calibrate.run().await,
        Command::Quality(quality) => quality.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("truthlens: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn describe() -> anyhow::Result<()> {
    println!("{}", api::openapi::Description::openapi().to_pretty_json()?);
    Ok(())
}
