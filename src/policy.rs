//! The least IAM policy under which a configuration can do its work, and an instance profile
//! around it; what an operator needs beside it, and the user data that installs the agent.

mod operator;
mod user_data;

pub use operator::{operator, partition};
pub use user_data::{BadPackage, Package};

use crate::config::Config;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The policy document. PutMetricData has no resources: the namespaces are what limits it (Service
/// Authorization Reference, "Amazon CloudWatch", `cloudwatch:namespace`).
pub fn policy(config: &Config) -> Value {
    let namespaces: BTreeSet<&str> = std::iter::once(config.metrics.namespace.as_str())
        .chain(config.metrics.presets.iter().map(|preset| preset.namespace.as_str()))
        .collect();
    let namespaces = match namespaces.len() {
        1 => Value::from(config.metrics.namespace.as_str()),
        _ => namespaces.into_iter().collect(),
    };
    let publish = json!({
        "Effect": "Allow",
        "Action": "cloudwatch:PutMetricData",
        "Resource": "*",
        "Condition": {"StringEquals": {"cloudwatch:namespace": namespaces}},
    });
    let assume = config
        .cloudwatch
        .assume_role
        .as_ref()
        .map(|role| json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}));
    // Who assumes a role publishes by that role's rights.
    let statements = vec![assume.unwrap_or(publish)];
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// What the role that is assumed needs; `None` where the instance's own role publishes.
pub fn policy_of_assumed_role(config: &Config) -> Option<Value> {
    config.cloudwatch.assume_role.as_ref()?;
    let mut own = config.clone();
    own.cloudwatch.assume_role = None;
    Some(policy(&own))
}

/// A CloudFormation template: role, policy and instance profile. `${AWS::URLSuffix}` makes it right
/// in every partition.
pub fn cloudformation(config: &Config) -> Value {
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "An instance profile for hosts that run cwmem",
        "Resources": {
            "CwmemRole": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [{
                            "Effect": "Allow",
                            "Principal": {"Service": {"Fn::Sub": "ec2.${AWS::URLSuffix}"}},
                            "Action": "sts:AssumeRole",
                        }],
                    },
                    "Policies": [{"PolicyName": "cwmem", "PolicyDocument": policy(config)}],
                },
            },
            "CwmemInstanceProfile": {
                "Type": "AWS::IAM::InstanceProfile",
                "Properties": {"Roles": [{"Ref": "CwmemRole"}]},
            },
        },
        "Outputs": {
            "InstanceProfile": {
                "Description": "For the instances' or the launch template's IamInstanceProfile",
                "Value": {"Ref": "CwmemInstanceProfile"},
            },
        },
    })
}

/// The same for Terraform.
pub fn terraform(config: &Config) -> String {
    // JSON's strings are HCL's, but for "${" and "%{", which begin a template there.
    let document = format!("{:#}", policy(config)).replace("${", "$${").replace("%{", "%%{");
    format!(
        r#"data "aws_partition" "current" {{}}

resource "aws_iam_role" "cwmem" {{
  name_prefix = "cwmem-"

  assume_role_policy = jsonencode({{
    Version = "2012-10-17"
    Statement = [{{
      Effect    = "Allow"
      Principal = {{ Service = "ec2.${{data.aws_partition.current.dns_suffix}}" }}
      Action    = "sts:AssumeRole"
    }}]
  }})
}}

resource "aws_iam_role_policy" "cwmem" {{
  name   = "cwmem"
  role   = aws_iam_role.cwmem.id
  policy = <<-EOT
{}
  EOT
}}

resource "aws_iam_instance_profile" "cwmem" {{
  name_prefix = "cwmem-"
  role        = aws_iam_role.cwmem.name
}}
"#,
        indented(&document)
    )
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudwatch::statement;
    use crate::config::parse_str;

    fn config(text: &str) -> Config {
        parse_str("test", text).unwrap()
    }

    #[test]
    fn the_statement_is_the_one_that_a_refusal_names() {
        for namespace in ["EC2/Memory", "A \"quoted\" ${name}"] {
            let text = format!("[metrics]\nnamespace = {namespace:?}\n");
            let expected: Value = serde_json::from_str(&statement(namespace)).unwrap();
            assert_eq!(policy(&config(&text))["Statement"], json!([expected]));
        }
    }

    #[test]
    fn every_namespace_is_allowed() {
        let policy = policy(&config("[metrics]\npresets = [\"cwagent\", \"mon-scripts\"]\n"));
        let condition = &policy["Statement"][0]["Condition"]["StringEquals"];
        assert_eq!(
            condition["cloudwatch:namespace"],
            json!(["CWAgent", "EC2/Memory", "System/Linux"])
        );
    }

    #[test]
    fn who_assumes_a_role_needs_only_that() {
        let text = "[cloudwatch]\nassume_role = \"arn:aws-cn:iam::123456789012:role/central\"\n";
        let own = policy(&config(text));
        assert_eq!(
            own["Statement"],
            json!([{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws-cn:iam::123456789012:role/central"}])
        );
        assert_eq!(policy_of_assumed_role(&config(text)), Some(policy(&config(""))));
        assert_eq!(policy_of_assumed_role(&config("")), None);
    }

    #[test]
    fn terraform_keeps_templates_out_of_names() {
        let text = terraform(&config("[metrics]\nnamespace = \"a${b}\"\n"));
        assert!(text.contains("\"a$${b}\""), "{text}");
    }
}
