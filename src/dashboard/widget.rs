//! The widgets of a section: a heading, then a graph for each kind of quantity.

use crate::alarms::patience::Rhythm;
use crate::alarms::slot::{Piece, pieces};
use crate::cluster::summary;
use crate::config::Config;
use crate::dimension::{Dimension, DimensionName};
use crate::series::{By, Series};
use crate::units::Unit;
use serde_json::{Value, json};

/// A series with its dimensions.
pub struct Drawn<'a> {
    pub series: Series<'a>,
    pub dimensions: Vec<Dimension>,
}

/// Where the next widget goes: rows of three.
#[derive(Default)]
pub struct Grid {
    x: u32,
    y: u32,
}

/// What is drawn in one graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Used,
    Stalls,
    Kills,
    Members,
    Headroom,
    Amounts,
    Rates,
    Other,
}

impl Drawn<'_> {
    pub fn has_slots(&self) -> bool {
        let has_slot = |pair: &Dimension| {
            pieces(&pair.value).iter().any(|piece| matches!(piece, Piece::Slot(_)))
        };
        self.dimensions.iter().any(has_slot)
    }

    /// The name that differs from host to host, if it is only one.
    pub fn varying(&self) -> Option<DimensionName> {
        let mut all = self.series.set.0.iter().filter(|member| {
            !matches!(member.name, DimensionName::Static(_) | DimensionName::Fixed(..))
        });
        all.next().filter(|_| all.next().is_none()).map(|member| member.name.clone())
    }

    fn kind(&self) -> Kind {
        let name = &*self.series.metric;
        match (self.series.by, self.series.unit) {
            (By::Leader, Unit::Count) => Kind::Members,
            (By::Leader, _) if name == summary::HEADROOM => Kind::Headroom,
            _ if name.contains("Stall") && self.series.unit == Unit::Percent => Kind::Stalls,
            _ if name == "OomKills" => Kind::Kills,
            (_, Unit::Percent) => Kind::Used,
            // Some agents send their percentages without a unit.
            (By::Preset(_), Unit::None) if name.contains("percent") => Kind::Used,
            (By::Preset(_), Unit::None) => Kind::Amounts,
            (_, Unit::Bytes | Unit::Kilobytes | Unit::Megabytes | Unit::Gigabytes) => Kind::Amounts,
            (_, Unit::CountPerSecond) => Kind::Rates,
            (_, Unit::Count | Unit::None) => Kind::Other,
        }
    }

    /// The row of a widget's `metrics`.
    fn row(&self, statistic: &str, label: Option<String>) -> Value {
        let words = [self.series.namespace, &*self.series.metric].map(Value::from);
        let pairs = self.dimensions.iter().flat_map(|pair| [pair.name.as_str(), &pair.value]);
        let mut options = json!({"stat": statistic});
        if let Some(label) = label {
            options["label"] = label.into();
        }
        words.into_iter().chain(pairs.map(Value::from)).chain([options]).collect()
    }
}

pub fn widgets(
    config: &Config,
    title: &str,
    series: &[Drawn<'_>],
    region: &str,
    grid: &mut Grid,
) -> Vec<Value> {
    let mut widgets = vec![grid.heading(title)];
    for kind in Kind::ALL {
        let drawn: Vec<&Drawn<'_>> = series.iter().filter(|drawn| drawn.kind() == kind).collect();
        if !drawn.is_empty() {
            widgets.push(grid.place(graph(config, kind, &drawn, region)));
        }
    }
    widgets
}

impl Grid {
    fn heading(&mut self, title: &str) -> Value {
        if self.x > 0 {
            self.y += HEIGHT;
        }
        let (x, y) = (0, self.y);
        (self.x, self.y) = (0, self.y + 1);
        let properties = json!({"markdown": format!("## {title}")});
        json!({"type": "text", "x": x, "y": y, "width": COLUMNS, "height": 1, "properties": properties})
    }

    fn place(&mut self, properties: Value) -> Value {
        let widget = json!({
            "type": "metric",
            "x": self.x,
            "y": self.y,
            "width": WIDTH,
            "height": HEIGHT,
            "properties": properties,
        });
        self.x += WIDTH;
        if self.x >= COLUMNS {
            (self.x, self.y) = (0, self.y + HEIGHT);
        }
        widget
    }
}

fn graph(config: &Config, kind: Kind, drawn: &[&Drawn<'_>], region: &str) -> Value {
    let statistics: &[&str] = match kind {
        // The peaks are what breaks, the average is what costs.
        Kind::Used | Kind::Stalls => &["Maximum", "Average"],
        Kind::Kills => &["Sum"],
        Kind::Members => &["Maximum"],
        Kind::Headroom | Kind::Amounts | Kind::Rates | Kind::Other => &["Average"],
    };
    let rows = drawn.iter().flat_map(|drawn| {
        statistics.iter().map(|statistic| {
            let label = format!("{} {}", drawn.series.metric, statistic.to_lowercase());
            drawn.row(statistic, (statistics.len() > 1).then_some(label))
        })
    });
    let mut graph = json!({
        "title": kind.title(),
        "metrics": rows.collect::<Vec<_>>(),
        "region": region,
        "view": "timeSeries",
        "stacked": false,
        "period": Rhythm::of(&config.publish).alarm_period().as_secs(),
        "yAxis": {"left": {"min": 0}},
    });
    if matches!(kind, Kind::Used | Kind::Stalls) {
        graph["yAxis"]["left"]["max"] = 100.into();
    }
    if kind == Kind::Headroom {
        graph["yAxis"] = json!({"left": {"max": 100}});
    }
    let lines = kind.thresholds(config).into_iter();
    let lines: Vec<Value> =
        lines.map(|(label, value)| json!({"label": label, "value": value})).collect();
    if !lines.is_empty() {
        graph["annotations"] = json!({"horizontal": lines});
    }
    graph
}

impl Kind {
    const ALL: [Kind; 8] = [
        Kind::Used,
        Kind::Stalls,
        Kind::Kills,
        Kind::Members,
        Kind::Headroom,
        Kind::Amounts,
        Kind::Rates,
        Kind::Other,
    ];

    const fn title(self) -> &'static str {
        match self {
            Kind::Used => "Used, percent",
            Kind::Stalls => "Time spent waiting for memory, percent",
            Kind::Kills => "OOM kills",
            Kind::Members => "Members",
            Kind::Headroom => "Headroom after the largest member's loss, percent",
            Kind::Amounts => "Amounts",
            Kind::Rates => "Events a second",
            Kind::Other => "Other",
        }
    }

    /// Where alarms go off.
    fn thresholds(self, config: &Config) -> Vec<(&'static str, f64)> {
        let alarms = &config.alarms;
        match self {
            Kind::Used => vec![("ticket", alarms.ticket_above), ("page", alarms.page_from)],
            Kind::Stalls => vec![
                ("stall-warning", alarms.stall_warning_from),
                ("stall-critical", alarms.stall_critical_from),
            ],
            Kind::Headroom => vec![("headroom", alarms.headroom_below)],
            Kind::Kills | Kind::Members | Kind::Amounts | Kind::Rates | Kind::Other => vec![],
        }
    }
}

/// A dashboard's columns (Dashboard body structure, `widgets`, `width`).
const COLUMNS: u32 = 24;
const WIDTH: u32 = 8;
const HEIGHT: u32 = 6;
