//! For the publisher's tests: the settings of one host with a metric under {Host}.

use crate::datum::Resolution;
use crate::identity::dress::Publications;
use crate::identity::fixture::set;
use crate::publisher::Settings;
use std::time::Duration;

pub fn settings() -> Settings {
    Settings {
        publications: Publications::native("EC2/Memory".into(), vec![set("Host")]),
        resolution: Resolution::Standard,
        every: Duration::from_secs(60),
        health: false,
        max_requests_per_second: 5,
        max_bytes: 64 * 1024 * 1024,
        max_age: crate::delivery::MAX_AGE,
    }
}
