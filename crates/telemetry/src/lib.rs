//! What the functions tell of themselves: logs as JSON, the trace and the scan that each line of them is about, and
//! metrics.

pub mod meter;

pub use meter::{Measurement, Meter};

use scan::{ScanId, TraceContext};
use tracing::Span;
use tracing_subscriber::EnvFilter;

/// Writes logs to standard output, a JSON object on each line, with the spans that it was written in. `RUST_LOG` says
/// what is logged. To be called once, at the start of a process.
pub fn log_as_json() {
    tracing_subscriber::fmt().json().with_env_filter(EnvFilter::from_default_env()).init();
}

/// The span of an operation, perhaps about a scan: whatever is logged in it names both.
pub fn operation(trace: TraceContext, scan: Option<ScanId>) -> Span {
    // Not an error: a span of a lower level would be left out, and its names with it, where only errors are logged.
    tracing::error_span!(
        "operation",
        scan_id = scan.map(tracing::field::display),
        trace_id = %trace.trace_id(),
        span_id = %trace.span_id(),
    )
}
