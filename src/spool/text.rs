//! What stands in a file of the spool: one part of a period, as lines of JSON that a person can read.
//!
//! ```text
//! {"cwmem_spool":1,"owner":"i-0abc","boot":"7f3c…","through":1234,"closed":{"wall":…,"boot":…}}
//! {"Namespace":"EC2/Memory","MetricName":"MemoryUsedPercent",…}        a datum, as it is sent
//! {"Pending":{"Sets":[["InstanceId"]],"Spoken":[],"Datums":[{…}]}}     waits for the InstanceId
//! {"crc32":"0a1b2c3d"}                                                 of all bytes before this line
//! ```
//!
//! The first line names the format's version. A newer one isn't touched.

mod shape;

use crate::clock::{Boottime, Moment, Timestamp};
use crate::datum::Datum;
use crate::dimension::{Dimension, DimensionSet, Member};
use crate::identity::dress::{Group, Pending};
use crate::window::Figure;
use serde::{Deserialize, Serialize};
use shape::DatumIn;
use std::sync::Arc;

/// Who wrote the file, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    #[serde(rename = "cwmem_spool")]
    version: u32,
    /// The owner's text form.
    pub owner: String,
    #[serde(rename = "boot")]
    pub boot_id: String,
    /// The sequence of the last sample in the part.
    pub through: u64,
    closed: Closed,
}

/// Milliseconds since the epoch, and microseconds since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Closed {
    wall: i64,
    boot: u64,
}

/// What is to be sent, and what has to wait for the host's InstanceId.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    pub datums: Vec<Datum>,
    pub pending: Option<Pending>,
}

/// Why a file says nothing that can be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    #[error("its format is version {found}; this version of cwmem reads up to {VERSION}")]
    Newer { found: u64 },
    #[error("{0}")]
    Damaged(String),
}

impl Head {
    pub fn new(owner: &str, boot_id: &str, through: u64, closed: Moment) -> Head {
        let closed = Closed { wall: closed.wall.0, boot: closed.boot.0 };
        Head {
            version: VERSION,
            owner: owner.to_owned(),
            boot_id: boot_id.to_owned(),
            through,
            closed,
        }
    }

    /// When the part was closed, by the clocks of its time.
    pub fn closed(&self) -> Moment {
        Moment { wall: Timestamp(self.closed.wall), boot: Boottime(self.closed.boot) }
    }
}

impl Content {
    pub fn is_empty(&self) -> bool {
        self.datums.is_empty() && self.pending.is_none()
    }

    /// Whether nothing of it can be sent before the InstanceId is known.
    pub fn waits(&self) -> bool {
        self.datums.is_empty() && self.pending.is_some()
    }

    /// How many datums are lost with it.
    pub fn len(&self) -> usize {
        self.datums.len() + self.pending.as_ref().map_or(0, Pending::len)
    }
}

pub fn write(head: &Head, content: &Content) -> Vec<u8> {
    let mut text = Vec::new();
    line(&mut text, head);
    for datum in &content.datums {
        line(&mut text, datum);
    }
    for group in content.pending.iter().flat_map(|pending| &pending.0) {
        line(&mut text, &PendingLine { pending: PendingOut::of(group) });
    }
    let checksum = Checksum { crc32: format!("{:08x}", crc32fast::hash(&text)) };
    line(&mut text, &checksum);
    text
}

/// The whole file or nothing: what is damaged anywhere isn't sent.
pub fn read(text: &[u8]) -> Result<(Head, Content), Damage> {
    let first = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let version: Version = parsed(first, 1)?;
    let lines = checked(text);
    if version.cwmem_spool > u64::from(VERSION) {
        // A digit that was damaged must not pass for a newer format, whose end may be another.
        return match lines {
            Err(damage) if ends_like_ours(text) => Err(damage),
            _ => Err(Damage::Newer { found: version.cwmem_spool }),
        };
    }
    let lines = lines?;
    let head: Head = parsed(first, 1)?;
    let mut content = Content::default();
    for (place, line) in lines.split(|&byte| byte == b'\n').enumerate().skip(1) {
        if line.is_empty() {
            continue;
        }
        if line.starts_with(PENDING) {
            let line: PendingLine<PendingIn> = parsed(line, place + 1)?;
            let group = line.pending.group(place + 1)?;
            content.pending.get_or_insert(Pending(Vec::new())).0.push(group);
        } else {
            let mut datum = parsed::<DatumIn>(line, place + 1)?.datum(place + 1)?;
            if let Some(before) = content.datums.last() {
                share(&mut datum, before);
            }
            content.datums.push(datum);
        }
    }
    Ok((head, content))
}

/// What is the same in the datums of a part takes its memory once.
fn share(datum: &mut Datum, before: &Datum) {
    if datum.namespace == before.namespace {
        datum.namespace = before.namespace.clone();
    }
    if datum.dimensions == before.dimensions {
        datum.dimensions = before.dimensions.clone();
    }
}

/// How many datums a file holds or held, as far as its lines tell: for counting what is lost.
pub fn datums(text: &[u8]) -> usize {
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let datums = lines.filter(|line| !line.starts_with(HEAD) && !line.starts_with(CHECKSUM));
    datums.map(datums_of_line).sum()
}

fn datums_of_line(line: &[u8]) -> usize {
    let pending = serde_json::from_slice::<PendingLine<PendingIn>>(line).ok();
    pending.map_or(1, |line| line.pending.datums.len() * line.pending.sets.len())
}

/// Whether the last line is meant to be a checksum.
fn ends_like_ours(text: &[u8]) -> bool {
    let mut lines = text.rsplit(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.next().is_some_and(|line| line.starts_with(CHECKSUM))
}

/// The text before the checksum's line, if the checksum is right.
fn checked(text: &[u8]) -> Result<&[u8], Damage> {
    let damaged = |reason: &str| Damage::Damaged(reason.to_owned());
    let body = text.strip_suffix(b"\n").ok_or_else(|| damaged("its end is missing"))?;
    let start = memchr::memrchr(b'\n', body).ok_or_else(|| damaged("its end is missing"))? + 1;
    let checksum: Checksum = serde_json::from_slice(&body[start..])
        .map_err(|_| damaged("its last line isn't a checksum: its end is missing"))?;
    let expected = format!("{:08x}", crc32fast::hash(&text[..start]));
    if checksum.crc32 != expected {
        return Err(Damage::Damaged(format!(
            "its checksum is {expected}, and its last line says {}",
            checksum.crc32
        )));
    }
    Ok(&text[..start])
}

fn line(text: &mut Vec<u8>, value: &impl Serialize) {
    // Writing to memory fails for no value that has no map with other keys than strings.
    let _ = serde_json::to_writer(&mut *text, value);
    text.push(b'\n');
}

fn parsed<'a, T: Deserialize<'a>>(line: &'a [u8], number: usize) -> Result<T, Damage> {
    serde_json::from_slice(line).map_err(|error| Damage::Damaged(format!("line {number}: {error}")))
}

#[derive(Deserialize)]
struct Version {
    cwmem_spool: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Checksum {
    crc32: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PendingLine<T> {
    #[serde(rename = "Pending")]
    pending: T,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PendingOut<'a> {
    sets: Vec<Vec<String>>,
    spoken: Vec<&'a [Dimension]>,
    datums: Vec<Datum>,
}

impl PendingOut<'_> {
    fn of(group: &Group) -> PendingOut<'_> {
        // The host's dimensions are still to come; a figure's own are known.
        let datum = |figure: &Figure| {
            let own = figure.beside.iter().cloned().collect();
            Datum::new(group.namespace.clone(), own, group.resolution, figure)
        };
        let names = |set: &DimensionSet| set.0.iter().map(Member::to_string).collect();
        PendingOut {
            sets: group.sets.iter().map(names).collect(),
            spoken: group.spoken.iter().map(|set| &**set).collect(),
            datums: group.figures.iter().map(datum).collect(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PendingIn {
    sets: Vec<Vec<String>>,
    spoken: Vec<Vec<Dimension>>,
    datums: Vec<DatumIn>,
}

impl PendingIn {
    fn group(self, number: usize) -> Result<Group, Damage> {
        let datums = self.datums.into_iter().map(|datum| datum.datum(number));
        let datums = datums.collect::<Result<Vec<_>, _>>()?;
        let first = datums.first();
        let first =
            first.ok_or_else(|| Damage::Damaged(format!("line {number}: no datum waits")))?;
        let set = |names: &Vec<String>| {
            DimensionSet(names.iter().map(|name| Member::parse(name)).collect())
        };
        Ok(Group {
            namespace: first.namespace.clone(),
            resolution: first.resolution,
            sets: self.sets.iter().map(set).collect(),
            spoken: self.spoken.into_iter().map(Arc::from).collect(),
            figures: datums.into_iter().map(Figure::from).collect(),
        })
    }
}

/// The format that is written.
pub const VERSION: u32 = 1;
const HEAD: &[u8] = b"{\"cwmem_spool\"";
const PENDING: &[u8] = b"{\"Pending\"";
const CHECKSUM: &[u8] = b"{\"crc32\"";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::datum::Resolution;
    use crate::distribution::Statistics;
    use crate::identity::dress::{Publication, Publications, dress};
    use crate::identity::{Identity, Local};
    use crate::units::Unit;
    use expect_test::expect;
    use proptest::prelude::*;

    fn head() -> Head {
        let closed = Moment { wall: Timestamp(1_795_443_660_100), boot: Boottime(77) };
        Head::new("i-0abc", "7f3c", 1_234, closed)
    }

    fn figure(name: String, values: Vec<f64>) -> Figure {
        Figure {
            name: name.into(),
            publication: 0,
            unit: Unit::Percent,
            timestamp: Timestamp(1_795_443_600_000),
            statistics: Statistics::Values {
                counts: vec![10; values.len()].into(),
                values: values.into(),
            },
            beside: None,
        }
    }

    /// On EC2, the InstanceId still unknown.
    fn identity() -> Identity {
        let local = Local { node_name: "web \"1\"".to_owned(), ..Local::default() };
        let fixed = config::Identity { ec2: config::OnEc2::Yes, imds: true, ..Default::default() };
        Identity::new(&fixed, None, &[], &local)
    }

    fn set(names: &[&str]) -> DimensionSet {
        DimensionSet(names.iter().map(|name| Member::parse(name)).collect())
    }

    /// One set is spoken, two wait.
    fn content(values: Vec<f64>) -> Content {
        let identity = identity();
        let sets = [
            set(&["Host"]),
            set(&["InstanceId"]),
            set(&["InstanceId", "tag:Name", "AutoScalingGroupName?"]),
        ];
        let figures = [figure("MemoryUsedPercent".to_owned(), values)];
        let publications = Publications::native("EC2/Memory".into(), sets.to_vec());
        let dressed = dress(&figures, &identity, &publications, Resolution::Standard);
        Content { datums: dressed.datums, pending: dressed.pending }
    }

    #[test]
    fn people_can_read_it() {
        let text = String::from_utf8(write(&head(), &content(vec![15.9, 16.0]))).unwrap();
        expect![[r#"
            {"cwmem_spool":1,"owner":"i-0abc","boot":"7f3c","through":1234,"closed":{"wall":1795443660100,"boot":77}}
            {"Namespace":"EC2/Memory","MetricName":"MemoryUsedPercent","Dimensions":[{"Name":"Host","Value":"web \"1\""}],"Timestamp":"2026-11-23T14:20:00Z","Unit":"Percent","StorageResolution":60,"Values":[15.9,16.0],"Counts":[10,10]}
            {"Pending":{"Sets":[["InstanceId"],["InstanceId","tag:Name","AutoScalingGroupName?"]],"Spoken":[[{"Name":"Host","Value":"web \"1\""}]],"Datums":[{"Namespace":"EC2/Memory","MetricName":"MemoryUsedPercent","Dimensions":[],"Timestamp":"2026-11-23T14:20:00Z","Unit":"Percent","StorageResolution":60,"Values":[15.9,16.0],"Counts":[10,10]}]}}
            {"crc32":"15525b33"}
        "#]].assert_eq(&text);
        assert_eq!(datums(text.as_bytes()), 3, "two sets wait");
    }

    #[test]
    fn each_publication_waits_on_its_own_line() {
        let mut publications = Publications::native("N".into(), vec![set(&["InstanceId"])]);
        let sets = vec![set(&["InstanceId", "host", "PluginInstance=NONE"])];
        publications.presets.push(Publication { namespace: "collectd".into(), sets });
        let mut figures =
            [figure("One".to_owned(), vec![1.0]), figure("Two".to_owned(), vec![2.0])];
        figures[1].publication = 1;
        let dressed = dress(&figures, &identity(), &publications, Resolution::Standard);
        let content = Content { datums: dressed.datums, pending: dressed.pending };
        let text = write(&head(), &content);
        assert_eq!(datums(&text), 2);
        let (_, mut back) = read(&text).unwrap();
        let groups = &mut back.pending.as_mut().unwrap().0;
        assert_eq!(groups[1].namespace, "collectd".into());
        groups[1].figures[0].publication = 1;
        assert_eq!(back, content);
    }

    #[test]
    fn a_set_comes_back() {
        let mut content = content(vec![1.0]);
        content.datums[0].statistics =
            Statistics::Set { sample_count: 600, sum: 0.1 + 0.2, minimum: -0.5, maximum: 1e300 };
        let (found, read) = read(&write(&head(), &content)).unwrap();
        assert_eq!((found, read), (head(), content));
    }

    #[test]
    fn a_newer_format_is_told_from_damage() {
        let text = b"{\"cwmem_spool\":2,\"anything\":[]}\n{\"else\":1}\n";
        assert_eq!(read(text), Err(Damage::Newer { found: 2 }));
        for text in [&b""[..], b"\n", b"{}\n", b"{\"cwmem_spool\":1}\n", b"\xff\xff"] {
            assert!(matches!(read(text), Err(Damage::Damaged(_))), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(values in proptest::collection::vec(-1e12f64..1e12, 1..150)) {
            let content = content(values);
            prop_assert_eq!(read(&write(&head(), &content)), Ok((head(), content)));
        }

        /// No panic, and never another datum than the one that was written.
        #[test]
        fn damage_anywhere_is_found(
            place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
        ) {
            let whole = write(&head(), &content(vec![15.9, 16.0, 99.9]));
            let mut text = whole.clone();
            let place = place.index(text.len());
            if cut { text.truncate(place) } else { text[place] = byte }
            match read(&text) {
                Ok(_) => prop_assert_eq!(text, whole),
                Err(damage) => prop_assert!(!damage.to_string().is_empty()),
            }
        }
    }
}
