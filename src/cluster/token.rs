//! What stands in for the password of a database user whom IAM lets in: a request to connect that is
//! signed and never sent, good for 15 minutes (Amazon RDS user guide, "IAM database authentication").

use crate::clock::{Clock, Timestamp};
use crate::cloudwatch;
use crate::config;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use std::fmt::Write;
use std::time::Duration;

/// Makes one for each log-in, with the credentials as they are then.
#[derive(Clone)]
pub struct Tokens {
    settings: config::CloudWatch,
    options: cloudwatch::Options,
}

/// Who is to log in where: a token is good for nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    pub host: &'a str,
    pub port: u16,
    pub user: &'a str,
}

impl Tokens {
    /// With credentials as CloudWatch's, in the region that the server's name says, or else in
    /// CloudWatch's.
    pub fn new(settings: config::CloudWatch, options: cloudwatch::Options) -> Tokens {
        Tokens { settings, options }
    }

    /// The error is for people, and holds no secret.
    pub async fn token(&self, login: Login<'_>) -> Result<String, String> {
        let mut settings = self.settings.clone();
        if let Some(region) = region_of(login.host) {
            settings.region = Some(region.to_owned());
        }
        let now = Clock::System.now().wall;
        let found = cloudwatch::credentials(settings, self.options.clone(), now).await;
        let (credentials, region) = found?;
        signed(login, &region, credentials, now)
    }
}

fn signed(
    login: Login<'_>,
    region: &str,
    credentials: Credentials,
    now: Timestamp,
) -> Result<String, String> {
    let Login { host, port, user } = login;
    let mut settings = SigningSettings::default();
    settings.expires_in = Some(LIFETIME);
    settings.signature_location = SignatureLocation::QueryParams;
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(now.system_time())
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?;
    let mut token = format!("{host}:{port}/?Action=connect&DBUser={}", escaped(user));
    let url = format!("https://{token}");
    let body = SignableBody::Bytes(&[]);
    let request = SignableRequest::new("GET", &url, std::iter::empty(), body)
        .map_err(|error| error.to_string())?;
    let signed = sign(request, &parameters.into()).map_err(|error| error.to_string())?;
    let (_, query) = signed.into_parts().0.into_parts();
    for (name, value) in query {
        let _ = write!(token, "&{name}={}", escaped(&value));
    }
    Ok(token)
}

/// Of an endpoint of RDS: `NAME.ID.REGION.rds.amazonaws.com`, in China
/// `NAME.ID.rds.REGION.amazonaws.com.cn`.
fn region_of(host: &str) -> Option<&str> {
    let labels: Vec<&str> = host.split('.').collect();
    let rds = labels.iter().position(|label| *label == "rds")?;
    let beside = [labels.get(rds.checked_sub(1)?), labels.get(rds + 1)];
    beside.into_iter().flatten().copied().find(|label| is_region(label))
}

/// Such as `eu-central-1` and `us-gov-west-1`.
fn is_region(label: &str) -> bool {
    let parts: Vec<&str> = label.split('-').collect();
    let [area, .., number] = parts[..] else { return false };
    let is_all = |text: &str, is: fn(&u8) -> bool| !text.is_empty() && text.bytes().all(|b| is(&b));
    let area = is_all(area, u8::is_ascii_lowercase) && area.len() <= LONGEST_AREA;
    parts.len() >= 3 && area && is_all(number, u8::is_ascii_digit)
}

/// As a signature has it: RFC 3986's unreserved characters stand for themselves.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(byte.into());
            }
            other => {
                let _ = write!(escaped, "%{other:02X}");
            }
        }
    }
    escaped
}

/// The longest that RDS accepts.
const LIFETIME: Duration = Duration::from_secs(15 * 60);
const SERVICE: &str = "rds-db";
/// `eusc`; what stands before an endpoint's id is longer (`cluster`, `proxy`).
const LONGEST_AREA: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn token(user: &str, session: Option<&str>) -> String {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let session = session.map(str::to_owned);
        let credentials = Credentials::new("AKIDEXAMPLE", secret, session, None, "test");
        let host = "mysqldb.123456789012.us-east-1.rds.amazonaws.com";
        let login = Login { host, port: 3_306, user };
        let ten = Timestamp(1_795_600_800_000);
        assert_eq!(ten.to_string(), "2026-11-25T10:00:00Z");
        signed(login, region_of(host).unwrap(), credentials, ten).unwrap()
    }

    fn parts(token: &str) -> (&str, Vec<&str>) {
        let (place, query) = token.split_once('?').unwrap();
        let mut query: Vec<_> = query.split('&').collect();
        query.sort_unstable();
        (place, query)
    }

    /// Those of botocore 1.44.8's `generate_db_auth_token` at that time.
    #[test]
    fn a_token_is_what_another_program_makes() {
        let expected = "mysqldb.123456789012.us-east-1.rds.amazonaws.com:3306/?Action=connect&DBUser=jane_doe&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261125%2Fus-east-1%2Frds-db%2Faws4_request&X-Amz-Date=20261125T100000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=fb998f8440dd74f964adad635772ffe6a5db1a30f1a77a2757aa6dd9910e01ec";
        assert_eq!(parts(&token("jane_doe", None)), parts(expected));
        let expected = "mysqldb.123456789012.us-east-1.rds.amazonaws.com:3306/?Action=connect&DBUser=jane_doe&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261125%2Fus-east-1%2Frds-db%2Faws4_request&X-Amz-Date=20261125T100000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Security-Token=AQoDYXdzEPT%2F%2F%2F%2F%2F%2F%2F%2F%2F%2FwEXAMPLE%2Btc%2Faw%3D%3D&X-Amz-Signature=e1ba1b860a9e8c2d86c3012f3fed8b6231c6d672da47a1ce6cc95aa47ae8aeca";
        let session = "AQoDYXdzEPT//////////wEXAMPLE+tc/aw==";
        assert_eq!(parts(&token("jane_doe", Some(session))), parts(expected));
        assert!(token("a$b", None).contains("DBUser=a%24b&"));
    }

    #[test]
    fn an_endpoint_says_its_region() {
        for (host, region) in [
            ("db.abcdefghijkl.eu-central-1.rds.amazonaws.com", Some("eu-central-1")),
            ("web.cluster-abc1.us-gov-west-1.rds.amazonaws.com", Some("us-gov-west-1")),
            ("web.cluster-ro-1.us-east-2.rds.amazonaws.com", Some("us-east-2")),
            ("web.proxy-abc1.ap-southeast-4.rds.amazonaws.com", Some("ap-southeast-4")),
            ("web.cluster-ro-1.rds.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("web.abc1.eusc-de-east-1.rds.amazonaws.eu", Some("eusc-de-east-1")),
            ("db.internal", None),
            ("rds", None),
            ("rds.example.com", None),
            ("db.rds.example.com", None),
            ("127.0.0.1", None),
        ] {
            assert_eq!(region_of(host), region, "{host}");
        }
    }
}
