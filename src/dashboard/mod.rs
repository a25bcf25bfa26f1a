//! A CloudWatch dashboard of what a configuration publishes: the host, the groups that it publishes
//! with, its cluster; in the form of the dashboard body that the service documents.

mod widget;

use crate::alarms::place::{Place, Unresolved};
use crate::alarms::slot::{Piece, Slots, pieces};
use crate::cluster::summary;
use crate::config::Config;
use crate::dimension::{Dimension, DimensionName};
use crate::series::{By, Series, Whose, series};
use serde_json::{Value, json};
use widget::{Drawn, Grid, widgets};

#[derive(Debug, Clone)]
pub struct Dashboard {
    /// The API's DashboardBody.
    pub body: Value,
    /// What isn't on it, and why.
    pub notes: Vec<String>,
}

/// All series under the same dimensions.
struct Section<'a> {
    title: String,
    series: Vec<Drawn<'a>>,
}

impl Section<'_> {
    /// Takes what the menu says out of the heading.
    fn forget(&mut self, property: &str) {
        if let Some(Drawn { series, dimensions }) = self.series.first()
            && series.whose == Whose::Host
        {
            let rest = dimensions.iter().filter(|pair| pair.name != property);
            self.title = title(series, &rest.cloned().collect::<Vec<_>>());
        }
    }
}

/// `region`: where the metrics are.
pub fn dashboard(config: &Config, place: Place<'_>, region: &str) -> Dashboard {
    let mut slots = Slots::default();
    let mut notes: Vec<String> = Vec::new();
    let mut sections: Vec<Section<'_>> = Vec::new();
    for one in series(config, place.identity().is_on_ec2()) {
        let dimensions = match dimensions(config, place, &one, &mut slots) {
            Ok(dimensions) => dimensions,
            Err(Unresolved::Absent) => continue,
            Err(Unresolved::Unknown(names)) => {
                let names: Vec<String> = names.iter().map(ToString::to_string).collect();
                let note =
                    format!("{} isn't drawn: {} isn't known here", one.set, names.join(", "));
                if !notes.contains(&note) {
                    notes.push(note);
                }
                continue;
            }
        };
        let title = title(&one, &dimensions);
        let drawn = Drawn { series: one, dimensions };
        match sections.iter_mut().find(|section| section.title == title) {
            Some(section) => section.series.push(drawn),
            None => sections.push(Section { title, series: vec![drawn] }),
        }
    }
    let menu = menu(place, &sections);
    if let Place::Template(_) = place {
        let is_open = |drawn: &Drawn<'_>| {
            drawn.has_slots() && (menu.is_none() || drawn.varying().as_ref() != menu.as_ref())
        };
        let before = sections.len();
        sections.retain(|section| !section.series.iter().any(is_open));
        if sections.len() < before {
            notes.push(MANY.to_owned());
        }
    }
    let chosen = menu.as_ref().and_then(|name| variable(config, place, name));
    if let Some(property) = chosen.as_ref().and_then(|menu| menu["property"].as_str()) {
        for section in &mut sections {
            section.forget(property);
        }
    }
    let mut grid = Grid::default();
    let mut all = Vec::new();
    for section in &mut sections {
        for dimension in section.series.iter_mut().flat_map(|drawn| &mut drawn.dimensions) {
            fill(dimension);
        }
        all.extend(widgets(config, &section.title, &section.series, region, &mut grid));
    }
    let mut body = json!({"start": "-PT3H", "periodOverride": "inherit", "widgets": all});
    if let Some(variable) = chosen {
        body["variables"] = json!([variable]);
    }
    Dashboard { body, notes }
}

fn dimensions(
    config: &Config,
    place: Place<'_>,
    series: &Series<'_>,
    slots: &mut Slots,
) -> Result<Vec<Dimension>, Unresolved> {
    match (series.by, &config.cluster) {
        (By::Leader, Some(cluster)) => {
            let name = summary::DIMENSION.to_owned();
            Ok(vec![Dimension { name, value: cluster.name.clone() }])
        }
        _ => place.dimensions(&series.set, slots),
    }
}

/// Under which heading a series stands.
fn title(series: &Series<'_>, dimensions: &[Dimension]) -> String {
    let pairs: Vec<String> = dimensions
        .iter()
        .map(|pair| match pieces(&pair.value).as_slice() {
            [Piece::Slot(_)] => pair.name.clone(),
            _ => format!("{}: {}", pair.name, pair.value),
        })
        .collect();
    let of = match (series.by, series.whose) {
        (By::Leader, _) => "Cluster",
        (_, Whose::Host) => "Host",
        (_, Whose::Shared) => "All hosts",
    };
    match pairs.is_empty() {
        true => of.to_owned(),
        false => format!("{of} ({})", pairs.join(", ")),
    }
}

/// What a menu of hosts chooses: the one dimension that says which host it is. The dashboard is then
/// every host's, not only this one's.
fn menu(place: Place<'_>, sections: &[Section<'_>]) -> Option<DimensionName> {
    let all = sections.iter().flat_map(|section| &section.series);
    let mut own = all.filter(|drawn| drawn.series.whose == Whose::Host);
    let name = own.next()?.varying()?;
    let is_same = |drawn: &Drawn<'_>| drawn.varying().as_ref() == Some(&name);
    // Beside a menu's choice another series would stay this host's.
    let fits = matches!(place, Place::Template(_)) || own.all(is_same);
    fits.then_some(name)
}

/// An element of the body's `variables`.
fn variable(config: &Config, place: Place<'_>, name: &DimensionName) -> Option<Value> {
    let all = series(config, place.identity().is_on_ec2());
    let of_host = |one: &&Series<'_>| {
        one.whose == Whose::Host && one.set.0.iter().any(|member| member.name == *name)
    };
    let one = all.iter().find(of_host)?;
    let names: Vec<&str> = one.set.0.iter().map(|member| member.name.as_str()).collect();
    let default = match place {
        Place::Here(identity) => identity.known(name).unwrap_or(FIRST),
        Place::Template(_) => FIRST,
    };
    let schema =
        std::iter::once(one.namespace).chain(names).map(word).collect::<Vec<_>>().join(",");
    Some(json!({
        "type": "property",
        "property": name.as_str(),
        "inputType": "select",
        "id": name.as_str(),
        "label": name.as_str(),
        "defaultValue": default,
        "visible": true,
        "search": format!("{{{schema}}} MetricName=\"{}\"", one.metric),
        "populateFrom": name.as_str(),
    }))
}

/// A namespace or a dimension's name as search expressions have it (User Guide, "Search expression
/// syntax"): in quotes where it isn't plain.
fn word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_".contains(&byte);
    if text.bytes().all(plain) { text.to_owned() } else { Value::from(text).to_string() }
}

/// The menu's choice takes this value's place.
fn fill(dimension: &mut Dimension) {
    if pieces(&dimension.value).iter().any(|piece| matches!(piece, Piece::Slot(_))) {
        dimension.value = FIRST.to_owned();
    }
}

/// The first that the search finds (Dashboard body structure, `variables`, `defaultValue`).
const FIRST: &str = "__FIRST";
const MANY: &str = "some series aren't drawn: they have more than one dimension that differs from host to host, or another one than that which the menu chooses";
