//! What stands at CloudWatch beside data: alarms and dashboards, read and put through the SDK.

mod alarms;
mod dashboards;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::config::retry::RetryConfig;
use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};
use std::error::Error;

pub struct Console {
    client: Client,
}

impl Console {
    pub fn new(client: &Client) -> Console {
        // A person waits, and the service takes three alarms a second: the SDK may try again.
        let retries = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let config = client.config().to_builder().retry_config(retries).build();
        Console { client: Client::from_conf(config) }
    }
}

/// For people, in one line.
fn said<E>(operation: &str, error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let Some(code) = error.code() else {
        return format!("{operation}: {}", crate::cloudwatch::explained(error));
    };
    let message = error.message().unwrap_or_default();
    let remedy = match code {
        "AccessDenied" | "AccessDeniedException" => {
            "; `cwmem policy --operator` prints the rights that it takes"
        }
        _ => "",
    };
    format!("{operation}: {code}: {message}{remedy}")
}

/// With the SDK's pauses of up to 1, 2, 4 … seconds between them.
const ATTEMPTS: u32 = 6;
