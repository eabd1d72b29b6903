//! What a scan has in common with everything else that happens for the same reason: its trace (W3C Trace Context,
//! <https://www.w3.org/TR/trace-context/>).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// One operation of a trace, as `traceparent` names it to the operations that it causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceContext {
    trace: TraceId,
    span: SpanId,
    sampled: bool,
}

/// A trace: 16 bytes, not all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

/// An operation of a trace: 8 bytes, not all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(u64);

/// The text is no `traceparent`. What it is instead is not repeated: it may come from anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent of W3C Trace Context")]
pub struct InvalidTraceparent;

impl TraceContext {
    /// The first operation of a new trace. It is marked as sampled, for our logs have it.
    pub fn new() -> Self {
        Self { trace: TraceId(Uuid::new_v4().as_u128()), span: SpanId::new(), sampled: true }
    }

    /// An operation that this one causes.
    pub fn child(self) -> Self {
        Self { span: SpanId::new(), ..self }
    }

    /// An operation of the trace that AWS X-Ray's `X-Amzn-Trace-Id` names, such as
    /// `Root=1-65f0c0de-0123456789abcdef01234567;Sampled=1`; `None` where it names none. X-Ray's ids are W3C's, written
    /// with the time apart.
    pub fn of_xray(header: &str) -> Option<Self> {
        let field = |name: &str| header.split(';').find_map(|field| field.trim().strip_prefix(name));
        let (time, random) = field("Root=1-")?.split_once('-')?;
        let (time, random) = (hexadecimal(time, 8)?, hexadecimal(random, 24)?);
        let trace = TraceId::of((time << 96) | random)?;
        Some(Self { trace, span: SpanId::new(), sampled: field("Sampled=") == Some("1") })
    }

    /// The trace.
    pub fn trace_id(self) -> TraceId {
        self.trace
    }

    /// The operation.
    pub fn span_id(self) -> SpanId {
        self.span
    }
}

/// A new trace: what has no context begins one.
impl Default for TraceContext {
    fn default() -> Self {
        Self::new()
    }
}

impl TraceId {
    fn of(bytes: u128) -> Option<Self> {
        (bytes != 0).then_some(Self(bytes))
    }
}

impl SpanId {
    fn new() -> Self {
        // The variant's bits of a UUID are among these, so that they are never all zero.
        Self(Uuid::new_v4().as_u64_pair().1)
    }

    fn of(bytes: u64) -> Option<Self> {
        (bytes != 0).then_some(Self(bytes))
    }
}

/// So many digits, in lower case as the specification wants them.
fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let well_formed = text.len() == digits && text.bytes().all(is_digit);
    if well_formed { u128::from_str_radix(text, 16).ok() } else { None }
}

/// `version-traceid-parentid-flags`. Of a version to come, what this one knows is read (section 3.2.4).
impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceparent> {
        let read = || {
            let mut fields = text.splitn(5, '-');
            let mut field = |digits| hexadecimal(fields.next()?, digits);
            let (version, trace, span, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
            let ends = fields.next().is_none();
            let known = (version == 0 && ends) || (1..0xff).contains(&version);
            let (trace, span) = (TraceId::of(trace)?, SpanId::of(u64::try_from(span).ok()?)?);
            known.then_some(Self { trace, span, sampled: flags & 1 == 1 })
        };
        read().ok_or(InvalidTraceparent)
    }
}

impl TryFrom<String> for TraceContext {
    type Error = InvalidTraceparent;

    fn try_from(text: String) -> Result<Self, InvalidTraceparent> {
        text.parse()
    }
}

impl From<TraceContext> for String {
    fn from(context: TraceContext) -> Self {
        context.to_string()
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_and_written_as_the_specification_has_it() {
        let context: TraceContext = EXAMPLE.parse().unwrap();
        assert_eq!(context.to_string(), EXAMPLE);
        assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id().to_string(), "00f067aa0ba902b7");
        let unsampled: TraceContext = EXAMPLE.replace("-01", "-00").parse().unwrap();
        assert!(unsampled.to_string().ends_with("-00") && unsampled.child().to_string().ends_with("-00"));
        // Flags that this version does not know are not passed on (section 3.2.2.5.2).
        assert!(EXAMPLE.replace("-01", "-ff").parse::<TraceContext>().unwrap().to_string().ends_with("-01"));
        // Of later versions, more may follow.
        for later in [
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings",
            &EXAMPLE.replacen("00", "01", 1),
        ] {
            assert_eq!(later.parse::<TraceContext>().unwrap(), context, "{later}");
        }
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        let zeros = |digits| "0".repeat(digits);
        let wrong = [
            String::new(),
            EXAMPLE.to_uppercase(),
            format!("{EXAMPLE}-"),
            format!("{EXAMPLE}-00"),
            format!(" {EXAMPLE}"),
            EXAMPLE.replacen("00", "ff", 1),
            EXAMPLE.replacen("00", "cc", 1) + "00",
            EXAMPLE.replace('-', "_"),
            EXAMPLE.replace("4bf9", "+bf9"),
            EXAMPLE.replace("4bf9", "4bg9"),
            EXAMPLE.replace("4bf9", "４bf"),
            format!("00-{}-00f067aa0ba902b7-01", zeros(32)),
            format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", zeros(16)),
            format!("{EXAMPLE}{}", zeros(1 << 20)),
        ];
        for wrong in wrong {
            assert_eq!(wrong.parse::<TraceContext>(), Err(InvalidTraceparent), "{:.80}", wrong);
        }
    }

    #[test]
    fn x_ray_names_the_same_traces() {
        let context = TraceContext::of_xray("Self=1-0-0;Root=1-65f0c0de-0123456789abcdef01234567;Sampled=1").unwrap();
        assert_eq!(context.trace_id().to_string(), "65f0c0de0123456789abcdef01234567");
        assert!(context.to_string().ends_with("-01"));
        let unsampled = TraceContext::of_xray("Root=1-65f0c0de-0123456789abcdef01234567;Parent=1;Sampled=0").unwrap();
        assert!(unsampled.to_string().ends_with("-00"));
        for wrong in [
            "",
            "Root=",
            "Root=1-65f0c0de",
            "Root=2-65f0c0de-0123456789abcdef01234567",
            "Root=1-00000000-000000000000000000000000",
        ] {
            assert_eq!(TraceContext::of_xray(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn messages_carry_it_as_text() {
        let context: TraceContext = serde_json::from_str(&format!("{EXAMPLE:?}")).unwrap();
        assert_eq!(serde_json::to_value(context).unwrap(), EXAMPLE);
    }

    proptest! {
        #[test]
        fn every_context_survives_being_written(trace in 1u128.., span in 1u64.., sampled: bool) {
            let context = TraceContext { trace: TraceId(trace), span: SpanId(span), sampled };
            prop_assert_eq!(context.to_string().parse(), Ok(context));
        }

        #[test]
        fn whatever_is_sent_is_read_or_refused(text in ".{0,80}") {
            // What is read is well-formed, whatever it was read from.
            if let Ok(context) = text.parse::<TraceContext>() {
                prop_assert_eq!(context.to_string().len(), EXAMPLE.len());
            }
            TraceContext::of_xray(&text);
        }

        #[test]
        fn one_wrong_character_is_enough(at in 0usize..EXAMPLE.len(), wrong in "[^0-9a-f]") {
            prop_assume!(EXAMPLE[at..=at] != wrong);
            let text = format!("{}{wrong}{}", &EXAMPLE[..at], &EXAMPLE[at + 1..]);
            prop_assert_eq!(text.parse::<TraceContext>(), Err(InvalidTraceparent));
        }
    }

    #[test]
    fn children_keep_the_trace_and_are_others() {
        let parent = TraceContext::new();
        let child = parent.child();
        assert_eq!(parent.trace_id(), child.trace_id());
        assert_ne!(parent.span_id(), child.span_id());
        assert_ne!(parent.trace_id(), TraceContext::new().trace_id());
    }
}
