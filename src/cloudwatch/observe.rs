//! What one put shows of itself on the wire: whether it went out, and the head of its answer.
//!
//! The SDK takes any 200 for success and tells neither headers nor how far a failed request got.

use crate::clock::Timestamp;
use aws_sdk_cloudwatch::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_cloudwatch::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_cloudwatch::error::BoxError;
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Sees one put; a new one for each.
#[derive(Debug, Clone, Default)]
pub struct Observer(Arc<Mutex<Observed>>);

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Observed {
    /// The request was signed and handed to the transport.
    pub handed_over: bool,
    pub answer: Option<Head>,
}

/// The head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    /// It bears the marks of the service, which a proxy's page doesn't.
    pub from_service: bool,
    pub date: Option<Timestamp>,
    pub retry_after: Option<Duration>,
}

impl Observer {
    pub fn observed(&self) -> Observed {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, note: impl FnOnce(&mut Observed)) {
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Intercept for Observer {
    fn name(&self) -> &'static str {
        "Observer"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.note(|observed| observed.handed_over = true);
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let head = head(response.status().as_u16(), |name| header(response.headers(), name));
        self.note(|observed| observed.answer = Some(head));
        Ok(())
    }
}

fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers.get(name)
}

/// `header` gives a header's value by its name.
fn head<'a>(status: u16, header: impl Fn(&str) -> Option<&'a str>) -> Head {
    // Every answer of the protocol names it; one to a request that didn't get as far as the
    // protocol (signature, throttle) has at least the id that every AWS service gives.
    let from_service = header("smithy-protocol") == Some(PROTOCOL)
        || status >= 400 && header(REQUEST_ID).is_some();
    let date = header("date").and_then(http_date);
    Head { status, from_service, date, retry_after: retry_after(&header, date) }
}

/// AWS's own header counts milliseconds; the standard one (RFC 9110, 10.2.3) seconds, or it names a
/// date, which counts from the answer's own.
fn retry_after<'a>(
    header: &impl Fn(&str) -> Option<&'a str>,
    date: Option<Timestamp>,
) -> Option<Duration> {
    if let Some(millis) = header("x-amz-retry-after").and_then(|text| text.trim().parse().ok()) {
        return Some(Duration::from_millis(millis));
    }
    let text = header("retry-after")?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let wait = http_date(text)?.millis_since(date?);
    Some(Duration::from_millis(u64::try_from(wait).unwrap_or(0)))
}

fn http_date(text: &str) -> Option<Timestamp> {
    let date = DateTime::from_str(text.trim(), Format::HttpDate).ok()?;
    Some(Timestamp(date.to_millis().ok()?))
}

const PROTOCOL: &str = "rpc-v2-cbor";
const REQUEST_ID: &str = "x-amzn-requestid";

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: (&str, &str) = ("date", "Mon, 23 Nov 2026 14:21:00 GMT");

    fn check(status: u16, headers: &[(&str, &str)], from_service: bool, retry_after: Option<u64>) {
        let header = |name: &str| headers.iter().find(|pair| pair.0 == name).map(|pair| pair.1);
        let head = head(status, header);
        assert_eq!(head.status, status);
        assert_eq!(head.from_service, from_service, "{headers:?}");
        assert_eq!(head.retry_after, retry_after.map(Duration::from_millis), "{headers:?}");
        let date = headers.contains(&DATE).then_some(Timestamp(1_795_443_660_000));
        assert_eq!(head.date, date);
    }

    #[test]
    fn heads_are_read() {
        let ours = ("smithy-protocol", "rpc-v2-cbor");
        check(200, &[ours, DATE], true, None);
        check(200, &[DATE], false, None);
        check(200, &[("x-amzn-requestid", "1")], false, None);
        check(403, &[("x-amzn-requestid", "1")], true, None);
        check(403, &[("smithy-protocol", "json")], false, None);
        check(503, &[ours, ("retry-after", "7")], true, Some(7_000));
        check(503, &[ours, ("retry-after", "7"), ("x-amz-retry-after", "1500")], true, Some(1_500));
        let later = ("retry-after", "Mon, 23 Nov 2026 14:22:30 GMT");
        check(503, &[ours, DATE, later], true, Some(90_000));
        check(503, &[ours, later], true, None);
        let earlier = ("retry-after", "Mon, 23 Nov 2026 14:20:00 GMT");
        check(503, &[ours, DATE, earlier], true, Some(0));
        check(503, &[ours, ("retry-after", "soon"), ("date", "now")], true, None);
    }
}
