//! What the service is asked for, in IAM's terms.

#[derive(Debug, Clone, Copy)]
pub enum Action<'a> {
    PutMetricData { namespace: &'a str },
    DescribeAlarms,
}

impl Action<'_> {
    pub fn name(self) -> &'static str {
        match self {
            Action::PutMetricData { .. } => "cloudwatch:PutMetricData",
            Action::DescribeAlarms => "cloudwatch:DescribeAlarms",
        }
    }

    /// The IAM statement that allows it, and nothing else.
    pub fn statement(self) -> String {
        match self {
            Action::PutMetricData { namespace } => statement(namespace),
            Action::DescribeAlarms => {
                let name = self.name();
                format!(r#"{{"Effect":"Allow","Action":"{name}","Resource":"*"}}"#)
            }
        }
    }
}

/// The IAM statement that lets an agent publish under `namespace`, and nothing else.
pub fn statement(namespace: &str) -> String {
    let namespace = serde_json::Value::from(namespace);
    format!(
        r#"{{"Effect":"Allow","Action":"cloudwatch:PutMetricData","Resource":"*","Condition":{{"StringEquals":{{"cloudwatch:namespace":{namespace}}}}}}}"#
    )
}
