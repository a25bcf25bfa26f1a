//! Dimensions: the name-value pairs that, with namespace and name, identify a metric.

use serde::Deserialize;
use std::fmt;

/// One pair, as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Dimension {
    pub name: String,
    pub value: String,
}

/// What a configured dimension set may name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DimensionName {
    InstanceId,
    InstanceType,
    ImageId,
    AvailabilityZone,
    AutoScalingGroupName,
    Region,
    Host,
    /// The host's name as several agents spell the dimension: `host`. A pair of that name in the
    /// configuration's `[dimensions]` gives it another value.
    LowerHost,
    /// `tag:KEY`: an EC2 instance tag, sent under its key.
    Tag(String),
    /// A pair of the configuration's `[dimensions]`.
    Static(String),
    /// `NAME=VALUE`: a pair that stands in the set itself.
    Fixed(String, String),
}

/// A name in a set; an optional one (`AutoScalingGroupName?`) falls away where it is known absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub name: DimensionName,
    pub optional: bool,
}

/// The exact set of names under which a metric is published. Each set is a series of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DimensionSet(pub Vec<Member>);

/// What is wrong with a dimension's name or value, in the API's terms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    #[error("must have 1 to {most} characters, has {found}")]
    Length { most: usize, found: usize },
    #[error("must be ASCII without control characters")]
    Characters,
    #[error("must not be blank")]
    Blank,
    #[error("must not begin with ':'")]
    Colon,
}

impl DimensionName {
    /// The names that need no declaration.
    pub const BUILT_IN: [DimensionName; 7] = [
        DimensionName::InstanceId,
        DimensionName::InstanceType,
        DimensionName::ImageId,
        DimensionName::AvailabilityZone,
        DimensionName::AutoScalingGroupName,
        DimensionName::Region,
        DimensionName::Host,
    ];

    pub const HOST: &str = "host";

    /// The name under which it is sent.
    pub fn as_str(&self) -> &str {
        match self {
            DimensionName::InstanceId => "InstanceId",
            DimensionName::InstanceType => "InstanceType",
            DimensionName::ImageId => "ImageId",
            DimensionName::AvailabilityZone => "AvailabilityZone",
            DimensionName::AutoScalingGroupName => "AutoScalingGroupName",
            DimensionName::Region => "Region",
            DimensionName::Host => "Host",
            DimensionName::LowerHost => DimensionName::HOST,
            DimensionName::Tag(key) | DimensionName::Static(key) | DimensionName::Fixed(key, _) => {
                key
            }
        }
    }
}

impl DimensionSet {
    /// Whether it names something of a single host, so that each publishes a series of its own. A tag
    /// may be one host's alone or a group's; most hosts have a Name of their own.
    pub fn is_of_one_host(&self) -> bool {
        self.0.iter().any(|member| {
            matches!(
                member.name,
                DimensionName::InstanceId
                    | DimensionName::Host
                    | DimensionName::LowerHost
                    | DimensionName::Tag(_)
            )
        })
    }
}

impl Member {
    /// What `Display` wrote: a name that isn't built in is a static pair's.
    pub fn parse(text: &str) -> Member {
        if let Some((name, value)) = pair(text) {
            let name = DimensionName::Fixed(name.to_owned(), value.to_owned());
            return Member { name, optional: false };
        }
        let (name, optional) = match text.strip_suffix('?') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let built_in = DimensionName::BUILT_IN.into_iter().find(|known| known.as_str() == name);
        let name = built_in.unwrap_or_else(|| match name.strip_prefix("tag:") {
            Some(key) => DimensionName::Tag(key.to_owned()),
            None if name == DimensionName::HOST => DimensionName::LowerHost,
            None => DimensionName::Static(name.to_owned()),
        });
        Member { name, optional }
    }
}

/// As the configuration writes it: an optional name with its mark.
impl fmt::Display for Member {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.name, if self.optional { "?" } else { "" })
    }
}

/// As the configuration writes it: a tag with its prefix, a fixed pair with its value.
impl fmt::Display for DimensionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DimensionName::Tag(key) => write!(formatter, "tag:{key}"),
            DimensionName::Fixed(name, value) => write!(formatter, "{name}={value}"),
            other => formatter.write_str(other.as_str()),
        }
    }
}

impl fmt::Display for DimensionSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("{")?;
        for (place, member) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(formatter, "{comma}{member}")?;
        }
        formatter.write_str("}")
    }
}

/// The name and value of `NAME=VALUE`; a tag's key may have a "=" of its own.
pub fn pair(text: &str) -> Option<(&str, &str)> {
    if text.starts_with("tag:") { None } else { text.split_once('=') }
}

/// API reference, `Dimension.Name`.
pub fn check_name(name: &str) -> Result<(), Invalid> {
    if name.starts_with(':') {
        return Err(Invalid::Colon);
    }
    check(name, MAX_NAME)
}

/// API reference, `Dimension.Value`.
pub fn check_value(value: &str) -> Result<(), Invalid> {
    check(value, MAX_VALUE)
}

fn check(text: &str, most: usize) -> Result<(), Invalid> {
    let found = text.chars().count();
    if found == 0 || found > most {
        return Err(Invalid::Length { most, found });
    }
    if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(Invalid::Characters);
    }
    if text.trim().is_empty() {
        return Err(Invalid::Blank);
    }
    Ok(())
}

/// API reference, `MetricDatum.Dimensions`.
pub const MAX_DIMENSIONS: usize = 30;
/// API reference, `Dimension.Name`, in characters.
pub const MAX_NAME: usize = 255;
/// API reference, `Dimension.Value`, in characters.
pub const MAX_VALUE: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_keep_the_service_limits() {
        assert_eq!(check_name("InstanceId"), Ok(()));
        assert_eq!(check_name(":x"), Err(Invalid::Colon));
        assert_eq!(check_name(""), Err(Invalid::Length { most: 255, found: 0 }));
        assert_eq!(check_name(&"x".repeat(256)), Err(Invalid::Length { most: 255, found: 256 }));
        assert_eq!(check_value(&"x".repeat(1_024)), Ok(()));
        assert_eq!(check_value("  "), Err(Invalid::Blank));
        assert_eq!(check_value("grün"), Err(Invalid::Characters));
        assert_eq!(check_value("a\nb"), Err(Invalid::Characters));
    }

    #[test]
    fn sets_print_as_they_are_configured() {
        let member = |name, optional| Member { name, optional };
        let set = DimensionSet(vec![
            member(DimensionName::InstanceId, false),
            member(DimensionName::Tag("Name".into()), true),
        ]);
        assert_eq!(set.to_string(), "{InstanceId, tag:Name?}");
    }

    #[test]
    fn what_is_written_is_read_back() {
        for text in
            ["InstanceId", "Host?", "host", "tag:a=b?", "Team", "PluginInstance=NONE", "a=b?"]
        {
            assert_eq!(Member::parse(text).to_string(), text);
        }
        let fixed = DimensionName::Fixed("a".to_owned(), "b=c".to_owned());
        assert_eq!(Member::parse("a=b=c"), Member { name: fixed, optional: false });
        assert_eq!(Member::parse("host").name, DimensionName::LowerHost);
    }
}
