//! What IMDS answers, read warily: what isn't exactly what was asked for is an error.

use crate::dimension::{DimensionName, check_value};
use crate::identity::dmi::is_instance_id;
use serde::Deserialize;

/// The instance identity document, as far as dimensions need it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    pub instance_id: String,
    pub instance_type: Option<String>,
    pub image_id: Option<String>,
    pub availability_zone: Option<String>,
    pub region: Option<String>,
}

/// Why an answer isn't what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("expected the identity document in JSON, found {text:?}: {reason}")]
    NotJson { text: String, reason: String },
    #[error("expected an instance id in it, found {0:?}")]
    NoInstance(String),
    #[error("expected tag keys, one a line, found {0:?}")]
    NotKeys(String),
    #[error("expected a tag's value, found {0:?}")]
    NotValue(String),
    #[error("expected a life cycle's state, found {0:?}")]
    NotState(String),
    #[error("it has no usable {0}")]
    Lacks(DimensionName),
}

impl Document {
    /// Its names in their fixed order; a field that is missing or unusable is `None`.
    pub fn names(&self) -> [(DimensionName, Option<&str>); 5] {
        [
            (DimensionName::InstanceId, Some(self.instance_id.as_str())),
            (DimensionName::InstanceType, self.instance_type.as_deref()),
            (DimensionName::ImageId, self.image_id.as_deref()),
            (DimensionName::AvailabilityZone, self.availability_zone.as_deref()),
            (DimensionName::Region, self.region.as_deref()),
        ]
    }

    /// The first of `names` that the document should have and hasn't.
    pub fn lacks(&self, names: &[DimensionName]) -> Result<(), Error> {
        let missing =
            self.names().into_iter().find(|(name, value)| value.is_none() && names.contains(name));
        missing.map_or(Ok(()), |(name, _)| Err(Error::Lacks(name)))
    }
}

pub fn parse(text: &str) -> Result<Document, Error> {
    let mut document: Document = serde_json::from_str(text)
        .map_err(|error| Error::NotJson { text: start(text), reason: error.to_string() })?;
    if !is_instance_id(&document.instance_id) {
        return Err(Error::NoInstance(start(&document.instance_id)));
    }
    for field in [
        &mut document.instance_type,
        &mut document.image_id,
        &mut document.availability_zone,
        &mut document.region,
    ] {
        field.take_if(|value| check_value(value).is_err());
    }
    Ok(document)
}

/// The list of `tags/instance`. Tags in metadata may have letters, digits and `+-=.,_:@` only (EC2
/// user guide, "View tags for your EC2 instances using instance metadata").
pub fn tag_keys(text: &str) -> Result<Vec<String>, Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-=.,_:@".contains(&byte);
    let keys = text.lines().filter(|line| !line.is_empty());
    keys.map(|key| match key.bytes().all(allowed) {
        true => Ok(key.to_owned()),
        false => Err(Error::NotKeys(start(text))),
    })
    .collect()
}

/// Any text of a tag's length: whether it can be a dimension's value is another question. A page of
/// HTML isn't one.
pub fn tag_value(text: &str) -> Result<String, Error> {
    let long = text.chars().nth(MAX_TAG_VALUE).is_some();
    if long || text.starts_with('<') || text.chars().any(char::is_control) {
        return Err(Error::NotValue(start(text)));
    }
    Ok(text.to_owned())
}

/// `autoscaling/target-lifecycle-state`: whether it says that the instance belongs to a group.
pub fn belongs_to_group(text: &str) -> Result<bool, Error> {
    let word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let text = text.trim();
    if text.len() > LONGEST_STATE || !text.split(':').all(word) {
        return Err(Error::NotState(start(text)));
    }
    Ok(text != "Detached")
}

/// Enough of an answer to recognise it in a log.
fn start(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// EC2 user guide, "Tag restrictions", in characters.
const MAX_TAG_VALUE: usize = 256;
/// `Warmed:Hibernated` is the longest that is documented.
const LONGEST_STATE: usize = 64;
const SHOWN: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    const DOCUMENT: &str = r#"{
  "accountId" : "123456789012",
  "architecture" : "x86_64",
  "availabilityZone" : "eu-central-1a",
  "billingProducts" : null,
  "imageId" : "ami-0123456789abcdef0",
  "instanceId" : "i-0123456789abcdef0",
  "instanceType" : "m7i.large",
  "pendingTime" : "2026-11-23T14:20:11Z",
  "privateIp" : "10.0.0.10",
  "region" : "eu-central-1",
  "version" : "2017-09-30"
}"#;

    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&match parse(text) {
            Ok(document) => format!("{:?}", document.names().map(|(_, value)| value)),
            Err(error) => error.to_string(),
        });
    }

    #[test]
    fn the_document_is_read() {
        check(
            DOCUMENT,
            expect![[
                r#"[Some("i-0123456789abcdef0"), Some("m7i.large"), Some("ami-0123456789abcdef0"), Some("eu-central-1a"), Some("eu-central-1")]"#
            ]],
        );
    }

    #[test]
    fn fields_that_are_missing_or_no_dimension_are_none() {
        check(
            r#"{"instanceId":"i-01234567","instanceType":" ","imageId":null,"region":"a\nb"}"#,
            expect![[r#"[Some("i-01234567"), None, None, None, None]"#]],
        );
        let document = parse(r#"{"instanceId":"i-01234567","region":"eu-west-1"}"#).unwrap();
        assert_eq!(document.lacks(&[DimensionName::Region]), Ok(()));
        let error = Error::Lacks(DimensionName::ImageId);
        assert_eq!(document.lacks(&[DimensionName::ImageId]), Err(error));
    }

    #[test]
    fn anything_else_is_refused_and_shown() {
        check(
            "<html><body>Sign in to the guest network, then try again</body></html>",
            expect![[
                r#"expected the identity document in JSON, found "<html><body>Sign in to the guest network, then try again</bo…": expected value at line 1 column 1"#
            ]],
        );
        check(
            "",
            expect![[
                r#"expected the identity document in JSON, found "": EOF while parsing a value at line 1 column 0"#
            ]],
        );
        check(
            r#"{"region":"eu-west-1"}"#,
            expect![[
                r#"expected the identity document in JSON, found "{\"region\":\"eu-west-1\"}": missing field `instanceId` at line 1 column 22"#
            ]],
        );
        check(
            r#"{"instanceId":"<b>"}"#,
            expect![[r#"expected an instance id in it, found "<b>""#]],
        );
        check(
            r#"{"instanceId":7}"#,
            expect![[
                r#"expected the identity document in JSON, found "{\"instanceId\":7}": invalid type: integer `7`, expected a string at line 1 column 15"#
            ]],
        );
    }

    #[test]
    fn tag_keys_are_lines() {
        assert_eq!(tag_keys(""), Ok(vec![]));
        assert_eq!(
            tag_keys("Name\naws:autoscaling:groupName\n").unwrap(),
            ["Name", "aws:autoscaling:groupName"]
        );
        assert!(tag_keys("<html>").is_err());
        assert!(tag_keys("Name\nGateway Timeout").is_err());
    }

    #[test]
    fn tag_values_are_short_and_plain() {
        assert_eq!(tag_value("web 1"), Ok("web 1".into()));
        assert_eq!(tag_value(&"ü".repeat(256)), Ok("ü".repeat(256)));
        assert!(tag_value(&"x".repeat(257)).is_err());
        assert!(tag_value("<!DOCTYPE html>").is_err());
        assert!(tag_value("two\nlines").is_err());
    }

    #[test]
    fn a_life_cycle_shows_membership() {
        for (text, expected) in
            [("InService", true), ("Warmed:Hibernated", true), ("Detached", false)]
        {
            assert_eq!(belongs_to_group(text), Ok(expected));
        }
        for text in ["", "<html>", "In Service", ":", &"x".repeat(65)] {
            assert!(belongs_to_group(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,200}") {
            let _ = (parse(&text), tag_keys(&text), tag_value(&text), belongs_to_group(&text));
        }

        #[test]
        fn a_cut_document_is_never_another(end in 0..DOCUMENT.len()) {
            prop_assert!(parse(&DOCUMENT[..end]).is_err());
        }

        #[test]
        fn whatever_is_read_can_be_a_dimension(text in r#"\{"instanceId":"(i-)?[0-9a-f]{6,19}","region":"\PC{0,20}"\}"#) {
            if let Ok(document) = parse(&text) {
                prop_assert!(is_instance_id(&document.instance_id));
                prop_assert!(document.names().iter().all(|(_, value)| value.is_none_or(|value| check_value(value).is_ok())));
            }
        }
    }
}
