//! A recording as the periods that the agent published of it.

use crate::config::Config;
use crate::distribution::Statistics;
use crate::history::points::points;
use crate::history::span::Span;
use crate::metric::{Formula, Metric, NATIVELY};
use crate::replay::source::{Kill, Of, Series, Source, delay, join, whole_seconds};
use crate::replay::track::{Content, Figures, Slice, Track};
use crate::sample::Sample;
use crate::window::{End, Window};
use std::collections::BTreeMap;

/// What a recording is of.
#[derive(Debug, Clone, Copy)]
pub struct Recorded<'a> {
    pub owner: &'a str,
    /// Which of its seconds count.
    pub span: Span,
    /// The names of its columns.
    pub columns: &'a [String],
}

/// Folds the samples as the agent does, into the periods and the metrics of `config`; each sample
/// comes with the number of its boot. They are asked for twice.
pub fn recorded<I: Iterator<Item = (u32, Sample)>>(
    config: &Config,
    recorded: Recorded<'_>,
    samples: impl Fn() -> I,
) -> Source {
    let metrics: Vec<Metric> =
        config.metrics.enabled.iter().filter(|metric| holds(&recorded, metric)).cloned().collect();
    let publish = &config.publish;
    let delay = delay(publish.spread);
    let (period, every) =
        (whole_seconds(publish.period).max(1), whole_seconds(publish.every).max(1));
    let within = |sample: &Sample| recorded.span.contains(sample.taken.wall.seconds());
    let mut slices: BTreeMap<(u16, String), Vec<Slice>> = BTreeMap::new();
    let mut window = Window::new(metrics.clone(), publish.period, config.metrics.statistics);
    let mut close = |window: &mut Window| {
        for figure in window.close(End::Period) {
            let start = figure.timestamp.seconds();
            // What several periods have in common goes with the last of them.
            let sent = (start + period + every - 1).div_euclid(every) * every;
            let slice = Slice { start, known: sent + delay, content: content(&figure.statistics) };
            slices.entry((figure.publication, figure.name.into_owned())).or_default().push(slice);
        }
    };
    let mut last_boot = None;
    for (boot, sample) in samples().filter(|(_, sample)| within(sample)) {
        if window.is_over(sample.taken.wall) {
            close(&mut window);
        }
        if last_boot.replace(boot).is_some_and(|last| last != boot) {
            window.forget_counters();
        }
        window.record(&sample);
    }
    close(&mut window);
    let series = metrics.iter().map(|metric| {
        let slices = slices.remove(&(metric.publication, metric.name.to_string()));
        Series {
            namespace: Some(namespace(config, metric.publication).to_owned()),
            metric: metric.name.to_string(),
            // A sparse metric may have had nothing to say.
            track: Track::new(period, slices.unwrap_or_default()),
        }
    });
    let series = series.collect();
    let points = points(samples()).filter(|point| recorded.span.contains(point.second));
    let kills = join(points.map(|point| Kill { second: point.second, count: point.kills }));
    let (owner, span) = (recorded.owner.to_owned(), recorded.span);
    Source { owner, span, delay, series, kills, of: Of::Recording }
}

/// Whether the metric can be folded from the recording's columns.
fn holds(recorded: &Recorded<'_>, metric: &Metric) -> bool {
    let has = |name: &str| recorded.columns.iter().any(|column| column == name);
    match metric.formula {
        Formula::Slow => false,
        Formula::Extra(_) => has(&format!("meminfo:{}", metric.name)),
        _ => metric.columns.iter().all(|name| has(name)),
    }
}

fn namespace(config: &Config, publication: u16) -> &str {
    let metrics = &config.metrics;
    match publication {
        NATIVELY => &metrics.namespace,
        number => {
            let preset = metrics.presets.get(usize::from(number) - 1);
            preset.map_or(&metrics.namespace, |preset| &preset.namespace)
        }
    }
}

fn content(statistics: &Statistics) -> Content {
    match statistics {
        Statistics::Values { values, counts } => {
            Content::Values(values.iter().copied().zip(counts.iter().copied()).collect())
        }
        // No percentile can be had of it.
        Statistics::Set { sample_count, sum, minimum, maximum } => Content::Figures(Figures {
            minimum: Some(*minimum),
            maximum: Some(*maximum),
            sum: Some(*sum),
            sample_count: Some(*sample_count as f64),
            ..Figures::default()
        }),
    }
}
