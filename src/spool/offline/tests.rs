//! The state directory between two runs of the daemon.

use super::*;
use crate::clock::{Boottime, Moment, Timestamp};
use crate::datum::{Datum, Resolution};
use crate::dimension::{Dimension, DimensionSet};
use crate::distribution::Statistics;
use crate::identity::dress::{Group, Pending};
use crate::spool::folder::Folder;
use crate::spool::inventory::Found;
use crate::spool::text::Content;
use crate::units::Unit;
use crate::window::Figure;
use std::borrow::Cow;
use std::collections::BTreeMap;
use tempfile::TempDir;

const OWN: &str = "i-own machine-id:0000";
const OTHER: &str = "i-other machine-id:1111";

fn key(minute: i64, through: u64) -> Key {
    Key { period: Timestamp(minute * 60_000), through, extra: 0 }
}

fn closed(minute: i64) -> Moment {
    Moment { wall: Timestamp(minute * 60_000), boot: Boottime(7) }
}

fn figure(minute: i64) -> Figure {
    let statistics = Statistics::Values { values: [minute as f64].into(), counts: [600].into() };
    let timestamp = Timestamp(minute * 60_000);
    let (name, unit) = (Cow::Borrowed("MemoryUsedPercent"), Unit::Percent);
    Figure { name, publication: 0, unit, timestamp, statistics, beside: None }
}

fn content(host: &str, minute: i64) -> Content {
    let dimension = Dimension { name: "InstanceId".to_owned(), value: host.to_owned() };
    let datum =
        Datum::new("EC2/Memory".into(), [dimension].into(), Resolution::Standard, &figure(minute));
    Content { datums: vec![datum], pending: None }
}

fn pending(minute: i64) -> Pending {
    Pending(vec![Group {
        namespace: "EC2/Memory".into(),
        resolution: Resolution::Standard,
        figures: vec![figure(minute)],
        sets: vec![DimensionSet::default()],
        spoken: Vec::new(),
    }])
}

/// What a daemon of `owner` finds, having written these parts.
fn run(root: &Path, owner: &str, boot: &str, parts: &[(Key, Content)]) -> Found {
    let (mut folder, found) = Folder::open(root, &Owner::parse(owner), boot).unwrap();
    for (key, content) in parts {
        folder.write(*key, closed(3), content).unwrap();
    }
    found
}

fn offline(root: &Path, owner: &str) -> Offline {
    Offline::open(root, Owner::parse(owner), "boot-now").unwrap()
}

fn listed(offline: &Offline) -> BTreeMap<String, (State, usize, bool)> {
    let files = offline.list().unwrap().map(Result::unwrap);
    files.map(|file| (file.file, (file.state, file.datums, file.waits))).collect()
}

/// What a daemon of `owner` would send: the dimension and the key of each datum.
fn sent(root: &Path, owner: &str) -> Vec<(String, Key)> {
    let (mut folder, found) = Folder::open(root, &Owner::parse(owner), "boot-later").unwrap();
    let mut sent = Vec::new();
    for file in found.files {
        if let Ok((_, content)) = folder.load(file) {
            let datums = content.datums.iter();
            sent.extend(datums.map(|datum| (datum.dimensions[0].value.clone(), file.key)));
        }
    }
    sent.sort();
    sent
}

/// Parts of another host's and then of this one's, as a baked image brings them.
fn image() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let others = [(key(1, 5_000), content("i-other", 1)), (key(2, 5_060), content("i-other", 2))];
    run(root.path(), OTHER, "boot-then", &others);
    let found = run(root.path(), OWN, "boot-now", &[(key(1, 60), content("i-own", 1))]);
    assert_eq!((found.foreign, found.taken_through), (2, 0));
    root
}

#[test]
fn each_file_is_listed_with_what_is_in_it() {
    let root = image();
    let spool = root.path().join(SPOOL);
    fs::write(spool.join(format!("{}.jsonl", key(7, 70))), "{\"cwmem_spool\":2}\n").unwrap();
    fs::write(spool.join(format!("{}.jsonl", key(8, 80))), "{\"cwmem_spool\":1,\n{}\n{}\n")
        .unwrap();
    fs::write(spool.join("note"), "hello").unwrap();
    fs::copy(
        spool.join(format!("{}.jsonl", key(1, 60))),
        spool.join(format!("{}.offered.jsonl", key(6, 60))),
    )
    .unwrap();
    let quarantine = root.path().join(QUARANTINE);
    fs::write(quarantine.join("rejected.jsonl"), "{}\n{}\n").unwrap();
    let waiting = Content { datums: Vec::new(), pending: Some(pending(9)) };
    let text = text::write(&text::Head::new(OWN, "boot-now", 90, closed(9)), &waiting);
    fs::write(spool.join(format!("{}.pending.jsonl", key(9, 90))), text).unwrap();
    let files = listed(&offline(root.path(), OWN));
    let state = |file: String| files.get(&file).unwrap_or_else(|| panic!("{file} in {files:#?}"));
    assert_eq!(*state(format!("spool/{}.jsonl", key(1, 60))), (State::Ready, 1, true));
    assert_eq!(*state(format!("spool/{}.pending.jsonl", key(9, 90))), (State::Pending, 1, true));
    assert!(matches!(
        state(format!("spool/{}.jsonl", key(7, 70))),
        (State::Newer { .. }, 0, false)
    ));
    let damaged = state(format!("spool/{}.jsonl", key(8, 80)));
    assert!(matches!(damaged, (State::Damaged { .. }, _, false)), "{damaged:?}");
    assert_eq!(*state(format!("spool/{}.offered.jsonl", key(6, 60))), (State::Offered, 1, false));
    assert_eq!(*state("spool/note".to_owned()), (State::Unknown, 0, false));
    assert_eq!(*state("quarantine/rejected.jsonl".to_owned()), (State::Rejected, 2, false));
    let foreign = State::Foreign { owner: OTHER.to_owned() };
    assert_eq!(
        *state(format!("quarantine/foreign.0/{}.jsonl", key(2, 5_060))),
        (foreign, 1, false)
    );
    assert_eq!(files.len(), 9, "{files:#?}");
}

#[test]
fn what_is_taken_over_is_sent_as_it_is_and_harms_no_sequence() {
    let root = image();
    let adopted = offline(root.path(), OWN).adopt().unwrap();
    let expected = Adopted {
        files: 2,
        datums: 2,
        owners: vec![OTHER.to_owned()],
        pending: 0,
        unreadable: 0,
        recordings: vec![],
    };
    assert_eq!(adopted, expected);
    assert!(!root.path().join("quarantine/foreign.0").exists());
    // Its sequences are of another ring: what this one holds after 60 is still to be folded.
    let found = run(root.path(), OWN, "boot-later", &[]);
    assert_eq!((found.foreign, found.taken_through, found.files.len()), (0, 60, 3));
    let hosts: Vec<_> =
        sent(root.path(), OWN).into_iter().map(|(host, key)| (host, key.period.0)).collect();
    let expected = [("i-other", 60_000), ("i-other", 120_000), ("i-own", 60_000)];
    assert_eq!(hosts, expected.map(|(host, period)| (host.to_owned(), period)));
    assert_eq!(offline(root.path(), OWN).adopt().unwrap(), Adopted::default(), "once");
}

#[test]
fn what_the_daemon_set_aside_one_by_one_is_taken_over_too() {
    let root = image();
    let (mut folder, _) = Folder::open(root.path(), &Owner::parse(OWN), "boot-now").unwrap();
    let head = text::Head::new("i-third", "boot-x", 9_000, closed(3));
    let text = text::write(&head, &content("i-third", 3));
    let place = root.path().join(SPOOL).join(format!("{}.jsonl", key(3, 9_000)));
    fs::write(place, text).unwrap();
    let file = crate::spool::Filed { key: key(3, 9_000), kib: 4, pending: false };
    assert!(folder.load(file).is_err());
    drop(folder);
    assert_eq!(offline(root.path(), OWN).adopt().unwrap().files, 3);
    assert_eq!(sent(root.path(), OWN).len(), 4);
}

#[test]
fn a_volume_that_came_along_is_taken_over_before_the_first_start() {
    let root = tempfile::tempdir().unwrap();
    run(root.path(), OTHER, "boot-then", &[(key(1, 60), content("i-other", 1))]);
    assert_eq!(offline(root.path(), OWN).adopt().unwrap().datums, 1);
    let found = run(root.path(), OWN, "boot-later", &[]);
    assert_eq!((found.foreign, found.taken_through), (0, 60));
    assert_eq!(sent(root.path(), OWN), [("i-other".to_owned(), key(1, 60))]);
}

/// A host that learns its instance from IMDS only: what is taken over stays so when it has.
#[test]
fn what_waits_to_be_decided_is_taken_over_for_good() {
    let (here, later) = ("machine-id:0000", "i-own machine-id:0000");
    let root = tempfile::tempdir().unwrap();
    let theirs = "i-other machine-id:0000";
    run(root.path(), theirs, "boot-then", &[(key(1, 60), content("i-other", 1))]);
    let found = run(root.path(), here, "boot-now", &[]);
    assert_eq!((found.undecided, found.files.len()), (Some(Owner::parse(theirs)), 0));
    assert_eq!(offline(root.path(), here).adopt().unwrap().datums, 1);
    assert!(!root.path().join(UNDECIDED).exists());
    let (mut folder, found) = Folder::open(root.path(), &Owner::parse(here), "boot-x").unwrap();
    assert_eq!((found.undecided, found.taken_through, found.files.len()), (None, 60, 1));
    folder.own(&Owner::parse(later)).unwrap();
    drop(folder);
    assert_eq!(sent(root.path(), later), [("i-other".to_owned(), key(1, 60))]);
}

#[test]
fn what_lacks_its_instance_stays_set_aside() {
    let root = tempfile::tempdir().unwrap();
    let mixed = Content { pending: Some(pending(1)), ..content("i-other", 1) };
    run(root.path(), OTHER, "boot-then", &[(key(1, 60), mixed)]);
    run(root.path(), OWN, "boot-now", &[]);
    let adopted = offline(root.path(), OWN).adopt().unwrap();
    assert_eq!((adopted.files, adopted.datums, adopted.pending), (1, 1, 1));
    assert_eq!(sent(root.path(), OWN).len(), 1);
    // Asked again, nothing is sent twice.
    let again = offline(root.path(), OWN).adopt().unwrap();
    assert_eq!((again.files, again.pending), (0, 1));
    let files = listed(&offline(root.path(), OWN));
    let aside = files.keys().filter(|file| file.starts_with("quarantine/foreign."));
    assert_eq!(aside.count(), 1, "{files:?}");
}

#[test]
fn what_cannot_be_read_stays_where_it_is() {
    let root = image();
    let folder = root.path().join("quarantine/foreign.0");
    fs::write(folder.join(format!("{}.jsonl", key(4, 1))), "nonsense").unwrap();
    fs::write(root.path().join("ring.foreign"), "").unwrap();
    let adopted = offline(root.path(), OWN).adopt().unwrap();
    assert_eq!((adopted.files, adopted.unreadable), (2, 1));
    assert_eq!(adopted.recordings, [root.path().join("ring.foreign")]);
    assert!(folder.join(format!("{}.jsonl", key(4, 1))).exists());
}

#[test]
fn what_is_set_aside_is_not_sent_and_not_folded_again() {
    let root = tempfile::tempdir().unwrap();
    let parts = [1, 2, 3].map(|minute| (key(minute, minute as u64 * 60), content("i-own", minute)));
    run(root.path(), OWN, "boot-now", &parts);
    let names = |names: &[String]| names.to_vec();
    let unknown = [key(3, 180).to_string(), "nonsense".to_owned()];
    let error = offline(root.path(), OWN).set_aside(Some(&unknown)).unwrap_err();
    assert!(matches!(error, AsideError::Unknown(ref name) if name == "nonsense"), "{error}");
    assert_eq!(
        listed(&offline(root.path(), OWN)).values().filter(|(_, _, waits)| *waits).count(),
        3
    );
    let some = names(&[format!("spool/{}.jsonl", key(3, 180)), key(1, 60).to_string()]);
    assert_eq!(offline(root.path(), OWN).set_aside(Some(&some)).unwrap().files, 2);
    let found = run(root.path(), OWN, "boot-later", &[]);
    assert_eq!((found.taken_through, found.files.len()), (180, 1));
    assert_eq!(offline(root.path(), OWN).set_aside(None).unwrap().files, 1);
    assert_eq!(offline(root.path(), OWN).set_aside(None).unwrap().files, 0);
    assert_eq!(run(root.path(), OWN, "boot-later", &[]).taken_through, 180);
    assert!(sent(root.path(), OWN).is_empty());
    assert_eq!(offline(root.path(), OWN).adopt().unwrap(), Adopted::default());
    assert_eq!(fs::read_dir(root.path().join("quarantine/by-hand")).unwrap().count(), 3);
}

#[test]
fn one_at_a_time() {
    let root = image();
    let daemon = Folder::open(root.path(), &Owner::parse(OWN), "boot").unwrap();
    let error = Offline::open(root.path(), Owner::parse(OWN), "boot").unwrap_err();
    assert!(matches!(error, OfflineError::Running(_)), "{error}");
    drop(daemon);
    let held = offline(root.path(), OWN);
    assert!(Folder::open(root.path(), &Owner::parse(OWN), "boot").is_err());
    drop(held);
    let absent = root.path().join("absent");
    let error = Offline::open(&absent, Owner::parse(OWN), "boot").unwrap_err();
    assert!(matches!(error, OfflineError::Missing(_)) && !absent.exists(), "{error}");
}

/// Restarted before IMDS has told who this host is, on an image with another's data.
#[test]
fn what_this_boot_wrote_is_its_own_however_it_is_decided() {
    let (here, theirs) = ("machine-id:0000", "i-other machine-id:0000");
    for foreign in [true, false] {
        let root = tempfile::tempdir().unwrap();
        run(root.path(), theirs, "boot-then", &[(key(1, 60), content("i-other", 1))]);
        run(root.path(), here, "boot-now", &[(key(2, 120), content("i-own", 2))]);
        let (mut folder, found) =
            Folder::open(root.path(), &Owner::parse(here), "boot-now").unwrap();
        assert_eq!((found.files.len(), found.taken_through), (0, 120));
        let decided = if foreign { "i-own machine-id:0000" } else { theirs };
        let found = folder.decide(&Owner::parse(decided), foreign).unwrap();
        let keys: Vec<Key> = found.files.iter().map(|file| file.key).collect();
        if foreign {
            assert_eq!((keys, found.foreign), (vec![key(2, 120)], 1));
        } else {
            assert_eq!((keys.len(), found.foreign), (2, 0));
        }
    }
}

/// Delivered, then found again by a host that learns its name later.
#[test]
fn what_was_taken_stays_taken_when_it_is_decided() {
    let root = tempfile::tempdir().unwrap();
    let (here, own) = ("machine-id:0000", "i-own machine-id:0000");
    run(root.path(), own, "boot-then", &[(key(1, 60), content("i-own", 1))]);
    let (mut folder, _) = Folder::open(root.path(), &Owner::parse(own), "boot-then").unwrap();
    folder.remove(key(1, 60)).unwrap();
    drop(folder);
    let (mut folder, found) = Folder::open(root.path(), &Owner::parse(here), "boot-now").unwrap();
    assert_eq!(found.taken_through, 60);
    folder.decide(&Owner::parse(own), false).unwrap();
    folder.own(&Owner::parse(own)).unwrap();
    drop(folder);
    assert_eq!(run(root.path(), own, "boot-later", &[]).taken_through, 60);
}
