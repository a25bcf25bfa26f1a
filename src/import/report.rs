//! The report of an import: each series as it was published and what becomes of it, what isn't
//! cwmem's, and what there is to know of single keys.

use crate::import::Place;
use crate::import::Spot;
use crate::import::series::{Foreign, Remark, Series};
use crate::table::Table;
use serde::{Serialize, Serializer};
use serde_json::json;
use std::fmt;

#[derive(Debug)]
pub struct Report {
    pub rows: Vec<Row>,
    pub foreign: Vec<Foreign>,
    pub remarks: Vec<Remark>,
}

/// A series, with the identity under which it was published.
#[derive(Debug)]
pub struct Row {
    pub state: State,
    pub namespace: String,
    pub name: String,
    pub unit: String,
    pub dimensions: Vec<String>,
    /// What is different, each on its own.
    pub changes: Vec<String>,
    /// Where it was asked for.
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Kept,
    Changed,
}

impl Row {
    pub fn of(series: &Series) -> Row {
        Row {
            state: State::Kept,
            namespace: series.namespace.clone(),
            name: series.name.clone(),
            unit: series.unit.clone(),
            dimensions: series.dimensions.iter().map(ToString::to_string).collect(),
            changes: Vec::new(),
            place: series.place.clone(),
        }
    }
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            State::Kept => "kept",
            State::Changed => "changed",
        }
    }
}

impl Report {
    /// Whether everything that was published stays as it was, and nothing else was.
    pub fn all_kept(&self) -> bool {
        self.rows.iter().all(|row| row.state == State::Kept)
            && self.foreign.is_empty()
            && !self.remarks.iter().any(|remark| remark.matters)
    }

    /// For programs: one JSON object.
    pub fn json(&self) -> String {
        let rows = self.rows.iter().map(|row| {
            json!({
                "state": row.state.as_str(),
                "namespace": row.namespace,
                "name": row.name,
                "unit": row.unit,
                "dimensions": row.dimensions,
                "changes": row.changes,
                "place": row.place,
            })
        });
        let foreign = self.foreign.iter().map(|Foreign { place, what, names }| {
            json!({ "place": place, "what": what, "names": names })
        });
        let remarks = self.remarks.iter().map(|Remark { place, text, matters }| {
            json!({ "place": place, "text": text, "matters": matters })
        });
        let report = json!({
            "all_kept": self.all_kept(),
            "series": rows.collect::<Vec<_>>(),
            "not_ours": foreign.collect::<Vec<_>>(),
            "notes": remarks.collect::<Vec<_>>(),
        });
        format!("{report:#}\n")
    }

    fn count(&self, state: State) -> usize {
        self.rows.iter().filter(|row| row.state == state).count()
    }
}

/// For people.
impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.rows.is_empty() {
            let header = ["STATE", "NAMESPACE", "METRIC", "UNIT", "DIMENSIONS", "WHAT CHANGES"];
            let mut table = Table::new(&header);
            for row in &self.rows {
                let state = row.state.as_str().to_owned();
                let dimensions = format!("{{{}}}", row.dimensions.join(", "));
                let cells = [&state, &row.namespace, &row.name, &row.unit, &dimensions];
                let changes = row.changes.join("; ");
                table.row(cells.into_iter().chain([&changes]).map(|cell| harmless(cell)));
            }
            writeln!(formatter, "{table}")?;
        }
        for Foreign { place, what, names } in &self.foreign {
            let names =
                if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
            writeln!(formatter, "not ours: {}", harmless(&format!("{place}: {what}{names}")))?;
        }
        for Remark { place, text, matters } in &self.remarks {
            let mark = if *matters { "warning" } else { "note" };
            writeln!(formatter, "{mark}: {}", harmless(&format!("{place}: {text}")))?;
        }
        if !self.rows.is_empty() {
            writeln!(formatter, "note: {SAMPLES}")?;
        }
        let warnings = self.remarks.iter().filter(|remark| remark.matters).count();
        writeln!(
            formatter,
            "\nkept {}, changed {}, not ours {}, warnings {warnings}",
            self.count(State::Kept),
            self.count(State::Changed),
            self.foreign.len(),
        )
    }
}

/// `{"file": …}` with `"line"` or `"pointer"`.
impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let file = &*self.file;
        let value = match &self.spot {
            Spot::Whole => json!({ "file": file }),
            Spot::Line(line) => json!({ "file": file, "line": line }),
            Spot::Pointer(pointer) => json!({ "file": file, "pointer": pointer }),
        };
        value.serialize(serializer)
    }
}

/// What a terminal might take for a command of its own is left out.
fn harmless(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// What is different for every series.
const SAMPLES: &str = "a point is made of all readings of its period, and SampleCount counts tenths \
                       of a second: alarms on SampleCount or Sum need other thresholds";
