//! The service's error answers, in the shapes of its CBOR protocol.
//!
//! Shapes, codes and statuses are the service model's (`monitoring-2010-08-01`): because it is
//! `awsQueryCompatible`, the body's `__type` names the shape while `x-amzn-query-error` names the
//! older code (shape `MissingRequiredParameterException`, code `MissingParameter`). Codes that are
//! common to all services have no shape in the model; there both are the same word.

use std::time::Duration;

/// One error answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub status: u16,
    /// What `x-amzn-query-error` says, hence what the SDK's `code()` gives.
    pub code: String,
    /// What the body's `__type` says.
    pub shape: String,
    pub message: String,
    /// `x-amz-retry-after`, sent in milliseconds.
    pub amz_retry_after: Option<Duration>,
    /// `Retry-After`, sent in whole seconds.
    pub retry_after: Option<Duration>,
}

impl Fault {
    pub fn new(status: u16, code: &str, shape: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            shape: shape.to_owned(),
            message: message.into(),
            amz_retry_after: None,
            retry_after: None,
        }
    }

    /// A throttle under any of its spellings: `Throttling`, `ThrottlingException`,
    /// `RequestLimitExceeded`, `TooManyRequestsException`, ... Status 400, as the service's list
    /// of common errors has it; [`Fault::status`] makes it a 429.
    pub fn throttled(code: &str) -> Self {
        Self::new(400, code, code, "Rate exceeded")
    }

    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn amz_retry_after(self, after: Duration) -> Self {
        Self { amz_retry_after: Some(after), ..self }
    }

    pub fn retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    pub fn internal() -> Self {
        Self::new(
            500,
            "InternalServiceError",
            "InternalServiceFault",
            "Request processing has failed due to some unknown error, exception, or failure.",
        )
    }

    pub fn unavailable() -> Self {
        Self::common(503, "ServiceUnavailable", "Service is unavailable.")
    }

    pub fn invalid_value(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidParameterValue", "InvalidParameterValueException", message)
    }

    pub fn invalid_combination(message: impl Into<String>) -> Self {
        Self::new(
            400,
            "InvalidParameterCombination",
            "InvalidParameterCombinationException",
            message,
        )
    }

    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(400, "MissingParameter", "MissingRequiredParameterException", message)
    }

    /// A request the protocol's own rules refuse: an unknown field, an unknown operation.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationError", "ValidationException", message)
    }

    /// A body that isn't CBOR, or a field of another type.
    pub fn serialization(message: impl Into<String>) -> Self {
        Self::common(400, "SerializationException", message)
    }

    pub fn limit_exceeded() -> Self {
        Self::new(
            400,
            "LimitExceeded",
            "LimitExceededFault",
            "The quota for metrics for this account has already been reached.",
        )
    }

    pub fn too_large(bytes: usize, limit: usize) -> Self {
        Self::common(
            413,
            "RequestEntityTooLarge",
            format!("Request size {bytes} exceeded {limit} bytes"),
        )
    }

    pub fn expired_token() -> Self {
        Self::common(403, "ExpiredToken", "The security token included in the request is expired")
    }

    pub fn invalid_client_token_id() -> Self {
        Self::common(
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        )
    }

    /// As IAM words it for an instance role without the permission.
    pub fn access_denied() -> Self {
        Self::access_denied_to("cloudwatch:PutMetricData")
    }

    pub fn access_denied_to(action: &str) -> Self {
        let user = "arn:aws:sts::123456789012:assumed-role/database/i-0123456789abcdef0";
        let message = format!(
            "User: {user} is not authorized to perform: {action} because no identity-based policy \
             allows the {action} action"
        );
        Self::common(403, "AccessDenied", message)
    }

    pub fn request_expired() -> Self {
        Self::common(400, "RequestExpired", "Request has expired.")
    }

    pub fn request_time_too_skewed() -> Self {
        Self::common(
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        )
    }

    pub fn signature_does_not_match() -> Self {
        Self::common(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check \
             your AWS Secret Access Key and signing method. Consult the service documentation for \
             details.",
        )
    }

    pub fn invalid_signature(message: impl Into<String>) -> Self {
        Self::common(403, "InvalidSignatureException", message)
    }

    pub fn missing_authentication() -> Self {
        Self::common(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
    }

    pub fn incomplete_signature(message: impl Into<String>) -> Self {
        Self::common(400, "IncompleteSignature", message)
    }

    /// Whose fault the answer says it is.
    pub fn blame(&self) -> &'static str {
        if self.status < 500 { "Sender" } else { "Receiver" }
    }

    /// What the model calls the message's member: only `InternalServiceFault` writes it large.
    pub fn message_key(&self) -> &'static str {
        if self.shape == "InternalServiceFault" { "Message" } else { "message" }
    }

    fn common(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::new(status, code, code, message)
    }
}
