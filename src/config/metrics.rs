//! `[metrics]`: what is published, under which names.

use crate::config::doubles::{self, Native};
use crate::config::kind;
use crate::config::presets;
use crate::config::reader::{Field, Section};
use crate::config::sets::{self, Pair};
use crate::config::{Metrics, STATISTICS, ZFS_ARC, ZfsArc};
use crate::metric::{self, Metric};
use crate::window::Form;
use std::collections::BTreeSet;

pub fn read(section: &mut Section<'_>, pairs: &[Pair]) -> Metrics {
    let meminfo = section.value("meminfo", Vec::new(), meminfo);
    let enabled = section.value("enabled", metric::DEFAULT.to_vec(), enabled);
    let presets = presets::read(section, pairs);
    let enabled = section.check(
        enabled,
        |enabled| {
            let others = !meminfo.value.is_empty() || !presets.metrics.is_empty();
            meminfo.is_refused() || presets.is_refused || others || !enabled.is_empty()
        },
        || {
            "at least one metric here, one field in metrics.meminfo or one of metrics.presets"
                .to_owned()
        },
    );
    let natives = enabled.value.into_iter().filter_map(metric::native).cloned();
    let extras = meminfo.value.iter().enumerate().map(|(place, name)| Metric::extra(name, place));
    let mut metrics: Vec<Metric> = natives.chain(extras).collect();
    let namespace = section.value("namespace", "EC2/Memory".to_owned(), kind::namespace).value;
    let dimensions = sets::sets(section, pairs);
    let is_refused = presets.is_refused || dimensions.is_refused();
    if section.all_is_read() && !is_refused {
        let sets = [true, false].map(|on_ec2| sets::of(dimensions.value.as_deref(), on_ec2));
        let native = Native { namespace: &namespace, metrics: &metrics, sets };
        doubles::refuse(section, &native, &presets);
        let of_presets =
            presets.published.iter().flat_map(|preset| [true, false].map(|ec2| preset.sets(ec2)));
        let all = dimensions.value.iter().flatten().chain(of_presets.flatten());
        sets::refuse_unused(section, all, pairs);
    }
    metrics.extend(presets.metrics);
    Metrics {
        namespace,
        enabled: metrics,
        presets: presets.published,
        dimensions: dimensions.value,
        health: section.value("health", true, kind::boolean).value,
        statistics: section
            .value("statistics", Form::default(), |field| kind::choice(field, &STATISTICS))
            .value,
        zfs_arc: section
            .value("zfs_arc", ZfsArc::default(), |field| kind::choice(field, &ZFS_ARC))
            .value,
        max_series: section
            .value("max_series", 50, |field| {
                usize::try_from(kind::integer(field, 1..=10_000)?).ok()
            })
            .value,
        meminfo: meminfo.value,
    }
}

fn enabled(field: &mut Field<'_>) -> Option<Vec<&'static str>> {
    let mut seen = BTreeSet::new();
    field.list("a list of metrics", |field| {
        let expected = "the name of a metric";
        let text = field.text(expected)?;
        let Some(metric) = metric::native(text) else {
            return field.refuse_near(expected, metric::NATIVE.iter().map(|metric| &*metric.name));
        };
        once(field, &mut seen, text)?;
        Some(&*metric.name)
    })
}

fn meminfo(field: &mut Field<'_>) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let fields = field.list("a list of fields of /proc/meminfo", |field| {
        let expected = "the name of a field of /proc/meminfo, without its colon";
        let text = field.text(expected)?;
        if metric::native(text).is_some() {
            return field.refuse_with(expected, "metrics go into metrics.enabled".to_owned());
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_()".contains(&byte);
        if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(allowed) {
            return field.refuse(expected);
        }
        once(field, &mut seen, text)?;
        Some(text.to_owned())
    })?;
    match fields.len() <= MAX_MEMINFO {
        true => Some(fields),
        false => {
            let hint = format!("it has {}", fields.len());
            field.refuse_with(format!("at most {MAX_MEMINFO} fields"), hint)
        }
    }
}

/// Refuses what stands in the list a second time.
fn once(field: &mut Field<'_>, seen: &mut BTreeSet<String>, text: &str) -> Option<()> {
    let new = seen.insert(text.to_owned());
    if new { Some(()) } else { field.refuse("each name once") }
}

/// Each is looked for in every line of every sample, and each is billed.
const MAX_MEMINFO: usize = 16;
/// API reference, `MetricDatum.MetricName`.
const MAX_NAME: usize = 255;
