//! What the service answers: the paths and refusals that the EC2 user guide documents.

use cwmem::clock::Clock;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

pub type Body = Full<Bytes>;

/// The instance that is served.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// The identity document, whatever it is.
    pub document: String,
    pub region: String,
    pub tags: Tags,
    /// `autoscaling/target-lifecycle-state`; `None` is 404.
    pub life_cycle: Option<String>,
    /// The instance profile's role; `None` is 404.
    pub role: Option<String>,
}

/// Instance tags in metadata.
#[derive(Debug, Clone, PartialEq)]
pub enum Tags {
    On(BTreeMap<String, String>),
    /// 404 throughout.
    Off,
    /// As it was seen on EC2: 404 for the folder, but an empty list of keys.
    OffWithEmptyList,
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub body: String,
    pub headers: Vec<(&'static str, String)>,
}

impl Default for Contents {
    fn default() -> Contents {
        Contents {
            document: document(INSTANCE).to_string(),
            region: "eu-central-1".to_owned(),
            tags: Tags::on(&[]),
            life_cycle: None,
            role: Some("memory-metrics".to_owned()),
        }
    }
}

impl Tags {
    pub fn on(pairs: &[(&str, &str)]) -> Tags {
        Tags::On(pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect())
    }
}

impl Reply {
    pub fn ok(body: impl Into<String>) -> Reply {
        Reply { status: 200, body: body.into(), headers: Vec::new() }
    }

    pub fn status(status: u16) -> Reply {
        let body = format!("<?xml version=\"1.0\"?><html><body><h1>{status}</h1></body></html>");
        Reply { status, body, headers: Vec::new() }
    }

    /// A captive portal's page.
    pub fn html() -> Reply {
        Reply::ok("<!DOCTYPE html>\n<html><title>Sign in</title></html>\n")
    }

    pub fn response(self) -> Response<Body> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(Full::new(Bytes::from(self.body))).unwrap()
    }
}

/// An identity document as EC2 writes it.
pub fn document(instance_id: &str) -> serde_json::Value {
    json!({
        "accountId": "123456789012",
        "architecture": "x86_64",
        "availabilityZone": "eu-central-1a",
        "billingProducts": null,
        "imageId": "ami-0123456789abcdef0",
        "instanceId": instance_id,
        "instanceType": "m7i.large",
        "pendingTime": "2026-11-23T14:20:11Z",
        "privateIp": "10.0.0.10",
        "region": "eu-central-1",
        "version": "2017-09-30",
    })
}

pub fn header<'a>(request: &'a Request<Incoming>, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// `PUT /latest/api/token`. A forwarded request is refused: that is what keeps open proxies out.
pub fn token(request: &Request<Incoming>, given: &mut Vec<String>) -> Reply {
    if request.uri().path() != "/latest/api/token" {
        return Reply::status(405);
    }
    if request.headers().contains_key("x-forwarded-for") || request.uri().host().is_some() {
        return Reply::status(403);
    }
    let ttl: Option<u32> = header(request, TOKEN_TTL).and_then(|ttl| ttl.parse().ok());
    let Some(ttl) = ttl.filter(|ttl| (1..=21_600).contains(ttl)) else {
        return Reply::status(400);
    };
    let token = format!("AQAAAtoken{:04}==", given.len() + 1);
    given.push(token.clone());
    Reply { headers: vec![(TOKEN_TTL, ttl.to_string())], ..Reply::ok(token) }
}

/// A `GET` with a valid token.
pub fn answer(request: &Request<Incoming>, contents: &Contents) -> Reply {
    if request.method() != "GET" {
        return Reply::status(405);
    }
    let path = request.uri().path().trim_end_matches('/');
    let Some(path) = path.strip_prefix("/latest/") else { return Reply::status(404) };
    let found = match path {
        "dynamic/instance-identity/document" => Some(contents.document.clone()),
        "meta-data/placement/region" => Some(contents.region.clone()),
        "meta-data/autoscaling/target-lifecycle-state" => contents.life_cycle.clone(),
        "meta-data/iam/security-credentials" => contents.role.clone(),
        _ => match path.strip_prefix("meta-data/iam/security-credentials/") {
            Some(role) if contents.role.as_deref() == Some(role) => Some(credentials()),
            Some(_) => None,
            None => tag(path, &contents.tags),
        },
    };
    found.map_or_else(|| Reply::status(404), Reply::ok)
}

fn tag(path: &str, tags: &Tags) -> Option<String> {
    let path = path.strip_prefix("meta-data/tags")?;
    match (tags, path.strip_prefix("/instance")) {
        (Tags::OffWithEmptyList, Some("")) => Some(String::new()),
        (Tags::Off | Tags::OffWithEmptyList, _) => None,
        (Tags::On(_), None) => path.is_empty().then(|| "instance/".to_owned()),
        (Tags::On(tags), Some("")) => {
            Some(tags.keys().map(String::as_str).collect::<Vec<_>>().join("\n"))
        }
        (Tags::On(tags), Some(key)) => tags.get(key.strip_prefix('/')?).cloned(),
    }
}

fn credentials() -> String {
    let now = Clock::System.now().wall;
    json!({
        "Code": "Success",
        "LastUpdated": now.to_string(),
        "Type": "AWS-HMAC",
        "AccessKeyId": ACCESS_KEY,
        "SecretAccessKey": "a secret of the double",
        "Token": "a session of the double",
        "Expiration": now.plus(Duration::from_secs(6 * 3600)).to_string(),
    })
    .to_string()
}

pub const INSTANCE: &str = "i-0123456789abcdef0";
pub const ACCESS_KEY: &str = "ASIADOUBLE0000000001";
pub const TOKEN: &str = "x-aws-ec2-metadata-token";
const TOKEN_TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
