//! A metric's history from a file: any text is refused with a place, or gives series in the order of
//! time that an alarm can be evaluated on.

#![no_main]

use cwmem::alarms::alarm::{Alarm, Comparison, LowSamples, MissingData, Statistic};
use cwmem::replay::file::parse;
use cwmem::replay::outcome::Replay;
use cwmem::replay::source::Source;
use cwmem::units::Unit;
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

fuzz_target!(|text: &str| {
    let tracks = match parse(text) {
        Ok(tracks) => tracks,
        Err(mistake) => {
            assert!(!mistake.place.is_empty() && !mistake.what.is_empty());
            return;
        }
    };
    let mut slices = tracks.iter().map(|(_, track)| track.slices());
    assert!(slices.all(|slices| slices.is_sorted_by(|one, next| one.start < next.start)));
    let metric = tracks.first().map(|(metric, _)| metric.clone()).unwrap_or_default();
    let alarm = Alarm {
        name: "alarm".into(),
        description: String::new(),
        namespace: String::new(),
        metric,
        dimensions: Vec::new(),
        unit: Unit::Percent,
        statistic: Statistic::Average,
        period: Duration::from_secs(60),
        evaluation_periods: 3,
        datapoints_to_alarm: 2,
        comparison: Comparison::Greater,
        threshold: 90.0,
        missing_data: MissingData::Missing,
        low_samples: LowSamples::Evaluate,
    };
    let source = Source::of_history("file".into(), tracks, Duration::from_secs(10));
    let replay = Replay::new(&[alarm], &source);
    for course in replay.outcomes.iter().filter_map(|outcome| outcome.course.as_ref().ok()) {
        assert!(course.changes.is_sorted_by(|one, next| one.second < next.second));
        assert!(course.changes.iter().all(|change| replay.span.contains(change.second)));
    }
});
