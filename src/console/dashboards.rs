//! GetDashboard and PutDashboard.

use super::{Console, said};
use serde_json::Value;

impl Console {
    /// The body of the dashboard of this name, if there is one. The error is for people.
    pub async fn dashboard(&self, name: &str) -> Result<Option<Value>, String> {
        let found = self.client.get_dashboard().dashboard_name(name).send().await;
        match found {
            Ok(found) => {
                // What isn't JSON is another body than ours.
                let body = found.dashboard_body().map(serde_json::from_str);
                Ok(body.map(|body| body.unwrap_or_default()))
            }
            Err(error) => match error.as_service_error() {
                Some(service) if service.is_dashboard_not_found_error() => Ok(None),
                _ => Err(said("GetDashboard", &error)),
            },
        }
    }

    /// What the service has to say of the body that it took.
    pub async fn put_dashboard(&self, name: &str, body: &Value) -> Result<Vec<String>, String> {
        let put = self.client.put_dashboard().dashboard_name(name).dashboard_body(body.to_string());
        let answer = put.send().await.map_err(|error| said("PutDashboard", &error))?;
        let messages = answer.dashboard_validation_messages().iter().map(|message| {
            let path = message.data_path().unwrap_or_default();
            format!("{path} {}", message.message().unwrap_or_default())
        });
        Ok(messages.collect())
    }
}
