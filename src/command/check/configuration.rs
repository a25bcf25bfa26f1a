//! What `cwmem check` says of the configuration itself, and of what it means for alarms.

use crate::command::check::line::{Line, note, ok};
use crate::config::Config;

pub(super) fn line(config: &Config) -> Line {
    let metrics = config.metrics.of(0).count();
    let presets = config.metrics.presets.iter().enumerate().map(|(place, preset)| {
        let count = config.metrics.of(place + 1).count();
        format!(", {count} of {} in {}", preset.preset, preset.namespace)
    });
    let presets: String = presets.collect();
    let (period, every) = (config.publish.period, config.publish.every);
    let duration = humantime::format_duration;
    let evidence = format!(
        "{metrics} metrics in {}{presets}, sampled every {}, a datum each {}, a request each {}",
        config.metrics.namespace,
        duration(config.sample.interval.duration()),
        duration(period),
        duration(every),
    );
    ok("configuration", evidence)
}

/// Where several periods travel together, the newest of them are missing until they do: how that
/// looks to an alarm depends on how it treats missing data.
pub(super) fn patience(config: &Config) -> Option<Line> {
    let (period, every) = (config.publish.period, config.publish.every);
    let late = every.as_millis() / period.as_millis().max(1);
    if late < 2 {
        return None;
    }
    let duration = humantime::format_duration;
    let evidence = format!(
        "publish.every is {}: right before a request the newest {late} periods of {} are missing",
        duration(every),
        duration(period)
    );
    // The recipes of the documents: silence is 5 of 5, breaching; stalls and kills notBreaching.
    let silence = match late {
        0..SILENCE => "",
        _ => {
            "the alarm on silence (5 of 5, missing data breaching) would go off between requests; "
        }
    };
    let remedy = format!(
        "{silence}alarms that treat missing data as notBreaching go back to OK between requests: \
         give alarms a period of {} or more, or set publish.every = {:?}; under memory pressure \
         each period is sent at once",
        duration(every.max(MINUTE)),
        duration(period).to_string()
    );
    Some(note("patience", evidence, remedy))
}

/// So many periods in a row without a datum and the recipe for a silent host strikes.
const SILENCE: u128 = 5;
const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_str;

    fn said(text: &str) -> Option<String> {
        let config = parse_str("test", text).unwrap();
        patience(&config).map(|line| format!("{}: {}", line.evidence, line.remedy))
    }

    #[test]
    fn bursts_are_set_against_the_patience_of_alarms() {
        assert_eq!(said(""), None);
        let two = said("[publish]\nevery = \"2m\"\n").unwrap();
        assert!(two.contains("newest 2 periods of 1m") && !two.contains("silence"), "{two}");
        let five = said("[publish]\nevery = \"5m\"\n").unwrap();
        assert!(five.contains("on silence") && five.contains("a period of 5m or more"), "{five}");
        let high = said("[publish]\nperiod = \"10s\"\nevery = \"20s\"\n").unwrap();
        assert!(high.contains("a period of 1m or more") && high.contains("\"10s\""), "{high}");
    }
}
