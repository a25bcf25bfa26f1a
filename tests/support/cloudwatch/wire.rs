//! One PutMetricData over Smithy RPC v2 CBOR: what a request's head must say, and how answers look.
//!
//! Source: the protocol's specification (smithy.io, "Smithy RPC v2 CBOR") and Signature Version 4.
//! The signature itself isn't recomputed: the double knows no secret.

use std::io::Read;
use std::time::SystemTime;

use ciborium::Value;
use flate2::read::GzDecoder;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER,
    USER_AGENT,
};
use hyper::http::request::Parts;
use hyper::{Method, Response};

use super::clock::{http_date, parse_amz_date};
use super::decode::{self, RawPut};
use super::fault::Fault;
use super::limits::MAX_BODY;

/// A request as it came in, before anyone judged its content.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub user_agent: String,
    pub access_key_id: String,
    pub region: String,
    pub signed_at: Option<SystemTime>,
    pub gzip: bool,
    pub bytes_on_wire: usize,
    pub bytes: usize,
    pub put: Result<RawPut, Fault>,
}

/// Reads a whole request. What is wrong with it as HTTP, as a signed request or as CBOR becomes
/// its `put`.
pub fn read(head: &Parts, body: &[u8]) -> Arrival {
    let scope = scope(&head.headers).unwrap_or_default();
    let inflated = inflate(&head.headers, body);
    let gzip = inflated.as_ref().is_ok_and(Option::is_some);
    let mut bytes = body.len();
    let put = check_head(head).and(inflated).and_then(|inflated| {
        let body = inflated.as_deref().unwrap_or(body);
        bytes = body.len();
        if bytes > MAX_BODY {
            return Err(Fault::too_large(bytes, MAX_BODY));
        }
        decode::decode(body)
    });
    Arrival {
        user_agent: text(&head.headers, USER_AGENT.as_str()).to_owned(),
        access_key_id: scope.access_key_id.to_owned(),
        region: scope.region.to_owned(),
        signed_at: parse_amz_date(text(&head.headers, "x-amz-date")),
        gzip,
        bytes_on_wire: body.len(),
        bytes,
        put,
    }
}

pub fn success(id: &str, now: SystemTime) -> Response<Full<Bytes>> {
    let empty = Value::Map(Vec::new());
    cbor(200, &empty, id, now)
}

/// With members of the output.
pub fn answered(output: &Value, id: &str, now: SystemTime) -> Response<Full<Bytes>> {
    cbor(200, output, id, now)
}

pub fn failure(fault: &Fault, id: &str, now: SystemTime) -> Response<Full<Bytes>> {
    let shape = format!("com.amazonaws.cloudwatch#{}", fault.shape);
    let body = Value::Map(vec![
        (Value::from("__type"), Value::from(shape)),
        (Value::from(fault.message_key()), Value::from(fault.message.clone())),
    ]);
    let mut response = cbor(fault.status, &body, id, now);
    let headers = response.headers_mut();
    set(headers, "x-amzn-query-error", &format!("{};{}", fault.code, fault.blame()));
    if let Some(after) = fault.amz_retry_after {
        set(headers, "x-amz-retry-after", &after.as_millis().to_string());
    }
    if let Some(after) = fault.retry_after {
        set(headers, RETRY_AFTER.as_str(), &after.as_secs().to_string());
    }
    response
}

/// Not the service speaking: no protocol header, no request id.
pub fn page(status: u16, content_type: &str, body: &str, now: SystemTime) -> Response<Full<Bytes>> {
    answer(status, content_type, Bytes::copy_from_slice(body.as_bytes()), now)
}

fn cbor(status: u16, body: &Value, id: &str, now: SystemTime) -> Response<Full<Bytes>> {
    let mut bytes = Vec::new();
    ciborium::into_writer(body, &mut bytes).expect("a Vec takes every byte");
    let mut response = answer(status, CBOR, bytes.into(), now);
    set(response.headers_mut(), "smithy-protocol", PROTOCOL);
    set(response.headers_mut(), "x-amzn-requestid", id);
    response
}

fn answer(status: u16, content_type: &str, body: Bytes, now: SystemTime) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status.try_into().expect("a status has three digits");
    set(response.headers_mut(), CONTENT_TYPE.as_str(), content_type);
    set(response.headers_mut(), DATE.as_str(), &http_date(now));
    response
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).expect("headers of answers are ASCII");
    headers.insert(name, value);
}

fn check_head(head: &Parts) -> Result<(), Fault> {
    let path = head.uri.path();
    if head.method != Method::POST || path != PATH {
        let message = format!("{} {path} is no operation of this service", head.method);
        return Err(Fault::new(404, "UnknownOperation", "UnknownOperationException", message));
    }
    check_call(head)
}

/// Whatever the operation.
pub fn check_call(head: &Parts) -> Result<(), Fault> {
    for (name, expected) in [("smithy-protocol", PROTOCOL), (CONTENT_TYPE.as_str(), CBOR)] {
        let found = text(&head.headers, name);
        if found != expected {
            let message = format!("{name} must be {expected}, not {found:?}");
            let code = "UnsupportedMediaTypeException";
            return Err(Fault::new(415, code, code, message));
        }
    }
    check_signature(&head.headers)
}

fn check_signature(headers: &HeaderMap) -> Result<(), Fault> {
    if text(headers, AUTHORIZATION.as_str()).is_empty() {
        return Err(Fault::missing_authentication());
    }
    let Some(scope) = scope(headers) else {
        return Err(Fault::incomplete_signature(
            "Authorization must read AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/\
             aws4_request, SignedHeaders=..., Signature=...",
        ));
    };
    if scope.service != SERVICE {
        return Err(Fault::new(
            403,
            "SignatureDoesNotMatch",
            "SignatureDoesNotMatch",
            format!("Credential should be scoped to correct service: '{SERVICE}'."),
        ));
    }
    let date = text(headers, "x-amz-date");
    if parse_amz_date(date).is_none() || !date.starts_with(scope.date) {
        let message = format!("x-amz-date must be a time on {}, not {date:?}", scope.date);
        return Err(Fault::incomplete_signature(message));
    }
    for name in ["host", "x-amz-date"] {
        if !scope.signed_headers.split(';').any(|signed| signed == name) {
            return Err(Fault::incomplete_signature(format!("{name} must be signed")));
        }
    }
    Ok(())
}

#[derive(Default)]
struct Scope<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
}

fn scope(headers: &HeaderMap) -> Option<Scope<'_>> {
    let rest = text(headers, AUTHORIZATION.as_str()).strip_prefix("AWS4-HMAC-SHA256 ")?;
    let mut parts = rest.split(',').map(str::trim);
    let credential = parts.next()?.strip_prefix("Credential=")?;
    let signed_headers = parts.next()?.strip_prefix("SignedHeaders=")?;
    let signature = parts.next()?.strip_prefix("Signature=")?;
    let fields: Vec<_> = credential.split('/').collect();
    let &[access_key_id, date, region, service, "aws4_request"] = fields.as_slice() else {
        return None;
    };
    let hex = signature.bytes().all(|byte| byte.is_ascii_hexdigit());
    let whole = hex && signature.len() == 64 && !access_key_id.is_empty() && date.len() == 8;
    whole.then_some(Scope { access_key_id, date, region, service, signed_headers })
}

/// The body unpacked; `None` where it isn't packed.
fn inflate(headers: &HeaderMap, body: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    match text(headers, CONTENT_ENCODING.as_str()) {
        "" => Ok(None),
        "gzip" => {
            let mut inflated = Vec::new();
            // A packed body may claim any size.
            let mut reader = GzDecoder::new(body).take(MAX_INFLATED);
            reader
                .read_to_end(&mut inflated)
                .map_err(|error| Fault::serialization(format!("not gzip: {error}")))?;
            Ok(Some(inflated))
        }
        other => {
            let code = "UnsupportedMediaTypeException";
            let message = format!("content-encoding must be gzip or none, not {other}");
            Err(Fault::new(415, code, code, message))
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

const PATH: &str = "/service/GraniteServiceVersion20100801/operation/PutMetricData";
const SERVICE: &str = "monitoring";
const PROTOCOL: &str = "rpc-v2-cbor";
const CBOR: &str = "application/cbor";
const MAX_INFLATED: u64 = 16 * MAX_BODY as u64;
