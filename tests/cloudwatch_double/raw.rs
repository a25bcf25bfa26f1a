//! What no SDK would send: requests written by hand, byte for byte.

use std::io::{Read, Write};

use ciborium::Value;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// One header or the body is wrong, all else is right.
#[test]
fn refuses_what_the_protocol_forbids() {
    let unsigned = ("authorization", "");
    let other_service = AUTHORIZATION.replace("/monitoring/", "/logs/");
    let unsigned_date = AUTHORIZATION.replace("host;x-amz-date", "host");
    let short = AUTHORIZATION.replace("0000", "");
    let cases: Vec<(&str, &str)> = vec![
        (unsigned.0, unsigned.1),
        ("authorization", "Bearer token"),
        ("authorization", &other_service),
        ("authorization", &unsigned_date),
        ("authorization", &short),
        ("x-amz-date", ""),
        ("x-amz-date", "20261124T142100Z"),
        ("x-amz-date", "2026-11-23"),
        ("content-type", "application/json"),
        ("smithy-protocol", "rpc-v2-json"),
        ("content-encoding", "deflate"),
        ("content-encoding", "gzip"),
    ];
    let expected = [
        "403 MissingAuthenticationToken",
        "400 IncompleteSignature",
        "403 SignatureDoesNotMatch",
        "400 IncompleteSignature",
        "400 IncompleteSignature",
        "400 IncompleteSignature",
        "400 IncompleteSignature",
        "400 IncompleteSignature",
        "415 UnsupportedMediaTypeException",
        "415 UnsupportedMediaTypeException",
        "415 UnsupportedMediaTypeException",
        "400 SerializationException",
    ];
    for (header, expected) in cases.into_iter().zip(expected) {
        check(PATH, header, &encode(&input(vec![])), expected);
    }
    check("/", ("accept", "*/*"), &encode(&input(vec![])), "404 UnknownOperation");
}

#[test]
fn refuses_what_the_shapes_forbid() {
    let good = || ("MetricName", Value::from("M"));
    let cases = vec![
        (input(vec![good(), ("Value", 1.0.into())]), "200"),
        (input(vec![good(), ("Value", 1.into())]), "200"),
        (input(vec![good(), ("Value", 1.0.into()), ("Mood", "x".into())]), "400 ValidationError"),
        (
            input(vec![good(), ("Value", 1.0.into()), ("Value", 2.0.into())]),
            "400 SerializationException",
        ),
        (input(vec![good(), ("Value", "1".into())]), "400 SerializationException"),
        (input(vec![good(), ("Values", 1.0.into())]), "400 SerializationException"),
        // A timestamp without its tag is just a number.
        (input(vec![good(), ("Timestamp", 1_795_443_660.0.into())]), "400 SerializationException"),
        (input(vec![good(), ("Value", 1.0.into()), ("Timestamp", tagged(1_795_443_660.0))]), "200"),
        (
            input(vec![good(), ("Value", 1.0.into()), ("Timestamp", tagged(f64::NAN))]),
            "400 InvalidParameterValue",
        ),
        (structure(vec![("Namespace", "N".into())]), "400 MissingParameter"),
        (structure(vec![("Extra", "N".into())]), "400 ValidationError"),
        (Value::from("text"), "400 SerializationException"),
    ];
    for (body, expected) in cases {
        check(PATH, ("accept", "*/*"), &encode(&body), expected);
    }
    let mut longer = encode(&input(vec![good(), ("Value", 1.0.into())]));
    longer.push(0);
    check(PATH, ("accept", "*/*"), &longer, "400 SerializationException");
    check(PATH, ("accept", "*/*"), &[0xff], "400 SerializationException");
    check(PATH, ("accept", "*/*"), &[], "400 SerializationException");
}

#[test]
fn size_counts_after_unpacking() {
    // The body holds one dimension value that fills it to the byte: too long as a value, but
    // judged as one only if the body isn't too large already.
    let padded = |length| {
        let dimension = structure(vec![("Name", "n".into()), ("Value", "x".repeat(length).into())]);
        let datum = vec![
            ("MetricName", "M".into()),
            ("Value", 1.0.into()),
            ("Dimensions", Value::Array(vec![dimension])),
        ];
        encode(&input(datum))
    };
    let overhead = padded(100_000).len() - 100_000;
    let fits = padded(1_048_576 - overhead);
    assert_eq!(fits.len(), 1_048_576);
    let exceeds = padded(1_048_577 - overhead);
    for (body, expected) in
        [(fits, "400 InvalidParameterValue"), (exceeds, "413 RequestEntityTooLarge")]
    {
        check(PATH, ("accept", "*/*"), &body, expected);
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&body).unwrap();
        check(PATH, ("content-encoding", "gzip"), &packed.finish().unwrap(), expected);
    }
}

#[test]
fn the_date_header_shows_the_doubles_clock() {
    let (_, answer) = exchange(PATH, ("accept", "*/*"), &encode(&input(vec![])));
    assert!(answer.contains("date: Mon, 23 Nov 2026 14:21:00 GMT\r\n"), "{answer}");
    assert!(answer.contains("x-amzn-query-error: MissingParameter;Sender\r\n"), "{answer}");
    assert!(answer.contains("com.amazonaws.cloudwatch#MissingRequiredParameterException"));
}

fn check(path: &str, header: (&str, &str), body: &[u8], expected: &str) {
    let (seen, answer) = exchange(path, header, body);
    let status = answer.split(' ').nth(1).unwrap_or_default();
    let code = answer.split("x-amzn-query-error: ").nth(1).and_then(|rest| rest.split(';').next());
    let outcome = [Some(status), code].into_iter().flatten().collect::<Vec<_>>().join(" ");
    assert_eq!(outcome, expected, "{header:?}: {answer}");
    assert_eq!(seen.accepted.len(), usize::from(expected == "200"), "{header:?}");
    assert_eq!(seen.refused.len(), usize::from(expected != "200"), "{header:?}");
}

/// `header` replaces the one of its name; an empty value leaves it out.
fn exchange(path: &str, header: (&str, &str), body: &[u8]) -> (Seen, String) {
    let double = fixed();
    let length = body.len().to_string();
    let mut headers = vec![
        ("host", "127.0.0.1"),
        ("content-type", "application/cbor"),
        ("smithy-protocol", "rpc-v2-cbor"),
        ("x-amz-date", "20261123T142100Z"),
        ("authorization", AUTHORIZATION),
        ("content-length", &length),
        ("connection", "close"),
    ];
    headers.retain(|(name, _)| *name != header.0);
    headers.push(header);
    let mut request = format!("POST {path} HTTP/1.1\r\n");
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        write!(request, "{name}: {value}\r\n").unwrap();
    }
    request += "\r\n";
    let mut stream = TcpStream::connect(double.address()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    (double.seen(), String::from_utf8_lossy(&answer).into_owned())
}

fn input(datum: Vec<(&str, Value)>) -> Value {
    let datums = Value::Array(vec![structure(datum)]);
    structure(vec![("Namespace", "N".into()), ("MetricData", datums)])
}

fn structure(fields: Vec<(&str, Value)>) -> Value {
    Value::Map(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

fn tagged(seconds: f64) -> Value {
    Value::Tag(1, Box::new(seconds.into()))
}

fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

const PATH: &str = "/service/GraniteServiceVersion20100801/operation/PutMetricData";

const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 \
    Credential=AKIDTEST/20261123/eu-central-1/monitoring/aws4_request, \
    SignedHeaders=host;x-amz-date, \
    Signature=0000000000000000000000000000000000000000000000000000000000000000";
