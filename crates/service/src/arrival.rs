//! How and when content came.

use scan::{Source, TraceContext};
use time::OffsetDateTime;

/// What is known of content beside itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// How it came.
    pub source: Source,
    /// When.
    pub received_at: OffsetDateTime,
    /// The operation that takes it in.
    pub trace: TraceContext,
}

impl Arrival {
    /// Content that comes now, for a reason that nobody told.
    pub fn now(source: Source) -> Self {
        Self { source, received_at: OffsetDateTime::now_utc(), trace: TraceContext::new() }
    }

    /// The same within a trace.
    pub fn traced(self, trace: TraceContext) -> Self {
        Self { trace, ..self }
    }
}
