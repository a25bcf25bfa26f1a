//! What whoever keeps alarms and dashboard needs, `cwmem alarms` and `cwmem dashboard`: never the
//! agent itself.

use crate::config::Config;
use serde_json::{Value, json};

/// The policy document of an operator, in the partition of `region`.
pub fn operator(config: &Config, region: Option<&str>, dashboard: &str) -> Value {
    let partition = partition(region.unwrap_or_default());
    let alarm = |name: &str| format!("arn:{partition}:cloudwatch:*:*:alarm:{name}");
    let prefix = &config.alarms.prefix;
    let allow = |actions: &[&str], resource: String| json!({"Effect": "Allow", "Action": actions, "Resource": resource});
    json!({
        "Version": "2012-10-17",
        "Statement": [
            allow(&["cloudwatch:DescribeAlarms"], alarm("*")),
            allow(&["cloudwatch:PutMetricAlarm"], alarm(&format!("{prefix}*"))),
            allow(
                &["cloudwatch:GetDashboard", "cloudwatch:PutDashboard"],
                format!("arn:{partition}:cloudwatch::*:dashboard/{dashboard}"),
            ),
        ],
    })
}

/// By the region's name (General Reference, "Amazon Resource Names", and the SDK's own list).
pub fn partition(region: &str) -> &'static str {
    let known = PARTITIONS.iter().find(|(prefix, _)| region.starts_with(prefix));
    known.map_or("aws", |(_, partition)| partition)
}

const PARTITIONS: [(&str, &str); 7] = [
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
    ("eusc-", "aws-eusc"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_str;

    #[test]
    fn an_operator_may_do_that_with_what_is_cwmem_s_and_no_more() {
        let config = parse_str("test", "[alarms]\nprefix = \"db-\"\n").unwrap();
        let policy = operator(&config, Some("cn-north-1"), "db-memory");
        let resources: Vec<&str> = policy["Statement"]
            .as_array()
            .unwrap()
            .iter()
            .map(|statement| statement["Resource"].as_str().unwrap())
            .collect();
        assert_eq!(
            resources,
            [
                "arn:aws-cn:cloudwatch:*:*:alarm:*",
                "arn:aws-cn:cloudwatch:*:*:alarm:db-*",
                "arn:aws-cn:cloudwatch::*:dashboard/db-memory",
            ]
        );
        assert!(!policy.to_string().contains("PutMetricData"));
    }

    #[test]
    fn partitions_follow_from_regions() {
        for (region, expected) in [
            ("eu-central-1", "aws"),
            ("cn-northwest-1", "aws-cn"),
            ("us-gov-east-1", "aws-us-gov"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eusc-de-east-1", "aws-eusc"),
            ("", "aws"),
        ] {
            assert_eq!(partition(region), expected, "{region}");
        }
    }
}
