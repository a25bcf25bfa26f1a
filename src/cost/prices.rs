//! The price list: one data file, with its source and date. US dollars, without taxes; other Regions'
//! prices differ by some percent.

use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    pub source: String,
    pub date: String,
    pub region: String,
    /// As the price list's own examples reckon.
    pub hours_a_month: f64,
    metric: Vec<Tier>,
    request: Request,
    pub alarm: Alarm,
    /// Of each, however many metrics are on it.
    pub dashboard: f64,
    pub free: Free,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tier {
    above: u64,
    /// Of each metric beyond `above` that is sent in all hours of a month.
    price: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// Calls of PutMetricData.
    thousand: f64,
}

/// Of each, on one metric.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    pub standard: f64,
    /// Its period is shorter than a minute.
    pub high_resolution: f64,
}

/// What a month has for nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Free {
    pub metrics: u64,
    pub requests: u64,
    /// Standard ones only.
    pub alarms: u64,
    pub dashboards: u64,
}

impl Prices {
    /// The list that this version was built with.
    pub fn shipped() -> Result<Prices, serde_json::Error> {
        serde_json::from_str(SHIPPED)
    }

    /// So many metrics, each sent in all hours of a month, in US dollars.
    pub fn metrics(&self, count: u64) -> f64 {
        let ends = self.metric.iter().skip(1).map(|tier| tier.above).chain([u64::MAX]);
        let tiers = self.metric.iter().zip(ends);
        let price = |(tier, end): (&Tier, u64)| {
            count.min(end).saturating_sub(tier.above) as f64 * tier.price
        };
        tiers.map(price).sum()
    }

    pub fn requests(&self, count: f64) -> f64 {
        count / 1_000.0 * self.request.thousand
    }
}

const SHIPPED: &str = include_str!("prices.json");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_add_up() {
        let prices = Prices::shipped().unwrap();
        let cases = [
            (0, 0.0),
            (1, 0.30),
            (10_000, 3_000.0),
            (10_001, 3_000.1),
            (250_000, 27_000.0),
            (1_000_000, 64_500.0),
            (2_000_000, 84_500.0),
        ];
        for (count, expected) in cases {
            assert!((prices.metrics(count) - expected).abs() < 1e-6, "{count}");
        }
        assert!(prices.metric.windows(2).all(|pair| pair[0].above < pair[1].above));
    }
}
