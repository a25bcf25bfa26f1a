//! PutMetricData's documented limits, each with its source: the CloudWatch API reference's words in
//! quotes, or the service model `monitoring-2010-08-01`.

use std::time::Duration;

/// PutMetricData: "limited to 1 MB in size for HTTP POST requests"; measured after decompression.
pub const MAX_BODY: usize = 1_048_576;

/// PutMetricData: "no more than 1000 different metrics".
pub const MAX_DATUMS: usize = 1_000;

/// PutMetricData: "up to 30 dimensions per metric".
pub const MAX_DIMENSIONS: usize = 30;

/// PutMetricData: "up to 150 values per metric".
pub const MAX_VALUES: usize = 150;

/// The model's lengths of Namespace, MetricName and DimensionName.
pub const MAX_NAME: usize = 255;

/// The model's length of DimensionValue.
pub const MAX_DIMENSION_VALUE: usize = 1_024;

/// PutMetricData: "Values must be in the range of -2^360 to 2^360".
pub const MAX_VALUE: f64 = f64::from_bits((1023 + 360) << 52);

/// PutMetricData: "as much as two weeks before the current date", in seconds.
pub const MAX_AGE: f64 = 14.0 * 86_400.0;

/// PutMetricData: "as much as 2 hours after the current day and time", in seconds.
pub const MAX_AHEAD: f64 = 2.0 * 3_600.0;

/// MetricDatum's Unit, in the order of the service's own message.
pub const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// Signature Version 4: a request "must reach AWS within five minutes of the time stamp".
pub const MAX_SKEW: Duration = Duration::from_secs(300);
