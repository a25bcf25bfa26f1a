//! The state directory on a real disk: what is written comes back, and what was damaged, foreign or
//! newer doesn't, and is counted.

use super::*;
use crate::clock::Boottime;
use crate::datum::{Datum, Resolution};
use crate::distribution::Statistics;
use crate::health::Cause;
use crate::identity::dress::{Publications, dress};
use crate::identity::fixture::{Given, set, xen};
use crate::spool::Job;
use crate::spool::disk::{Disk, Done, Loaded, Order, Place};
use crate::units::Unit;
use crate::window::Figure;
use proptest::prelude::*;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tempfile::TempDir;

fn key(period: i64, through: u64) -> Key {
    Key { period: Timestamp(period * 60_000), through, extra: 0 }
}

fn figure(name: usize) -> Figure {
    Figure {
        name: format!("Metric{name}").into(),
        publication: 0,
        unit: Unit::Percent,
        timestamp: Timestamp(1_795_443_600_000),
        statistics: Statistics::Values {
            values: [name as f64, 0.5].into(),
            counts: [10, 20].into(),
        },
        beside: None,
    }
}

fn content(names: std::ops::Range<usize>) -> Content {
    let datum =
        |name| Datum::new("EC2/Memory".into(), [].into(), Resolution::Standard, &figure(name));
    Content { datums: names.map(datum).collect(), pending: None }
}

/// Some of it can be sent at once, some waits for the InstanceId.
fn both(names: std::ops::Range<usize>) -> Content {
    let figures: Vec<_> = names.map(figure).collect();
    let sets = [set("Host"), set("InstanceId")];
    let identity = Given::default().on(&xen());
    let publications = Publications::native("EC2/Memory".into(), sets.to_vec());
    let dressed = dress(&figures, &identity, &publications, Resolution::Standard);
    Content { datums: dressed.datums, pending: dressed.pending }
}

fn pending(names: std::ops::Range<usize>) -> Content {
    Content { datums: Vec::new(), ..both(names) }
}

const CLOSED: Moment = Moment { wall: Timestamp(1_795_443_660_000), boot: Boottime(77) };

fn owner(text: &str) -> Owner {
    Owner::parse(text)
}

fn open_as(folder: &TempDir, name: &str) -> (Folder, Found) {
    Folder::open(folder.path(), &owner(name), "boot-1").unwrap()
}

/// In an earlier boot.
fn open_then(folder: &TempDir, name: &str) -> Folder {
    Folder::open(folder.path(), &owner(name), "boot-0").unwrap().0
}

fn open(folder: &TempDir) -> (Folder, Found) {
    open_as(folder, OWN)
}

const OWN: &str = "i-1 machine-id:a";

fn filed(key: Key, pending: bool) -> Filed {
    Filed { key, kib: 4, pending }
}

fn names(root: &Path, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root.join(folder)).into_iter().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn keys(found: &Found) -> Vec<Key> {
    let mut keys: Vec<_> = found.files.iter().map(|file| file.key).collect();
    keys.sort();
    keys
}

#[test]
fn a_part_is_written_replaced_read_and_removed() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut folder, found) = open(&temporary);
    assert_eq!(found, Found::default());
    let kib = folder.write(key(7, 10), CLOSED, &content(0..3)).unwrap();
    assert!(kib > 0 && kib <= 64, "{kib}");
    let file = filed(key(7, 10), false);
    let (head, read) = folder.load(file).unwrap();
    assert_eq!((head.through, head.closed(), &*head.boot_id), (10, CLOSED, "boot-1"));
    assert_eq!(read, content(0..3));
    folder.replace(key(7, 10), CLOSED, &content(2..3)).unwrap();
    assert_eq!(folder.load(file).unwrap().1, content(2..3));
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(temporary.path().join(SPOOL)), 0o700);
    assert_eq!(mode(folder.path(key(7, 10), false)), 0o600);
    assert_eq!(names(temporary.path(), SPOOL), ["0000000420-000000000010.jsonl"]);
    folder.remove(key(7, 10)).unwrap();
    assert_eq!(names(temporary.path(), SPOOL), ["taken.10"]);
    folder.remove(key(7, 10)).unwrap();
}

/// Its mark goes up only, and there is one of it.
#[test]
fn what_is_taken_outlives_the_parts() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut folder, _) = open(&temporary);
    for through in [10, 20, 30, 40] {
        folder.write(key(7, through), CLOSED, &content(0..1)).unwrap();
    }
    for through in [20, 10, 30] {
        folder.remove(key(7, through)).unwrap();
    }
    assert_eq!(names(temporary.path(), SPOOL), ["0000000420-000000000040.jsonl", "taken.30"]);
    drop(folder);
    let (mut folder, found) = open(&temporary);
    assert_eq!((keys(&found), found.taken_through), (vec![key(7, 40)], 40));
    folder.remove(key(7, 40)).unwrap();
    drop(folder);
    for _ in 0..2 {
        let (_, found) = open(&temporary);
        assert_eq!((found.files.len(), found.taken_through), (0, 40));
    }
    // A crash between the new mark and the old one's end.
    fs::write(temporary.path().join(SPOOL).join("taken.9"), "").unwrap();
    assert_eq!(open(&temporary).1.taken_through, 40);
    assert_eq!(names(temporary.path(), SPOOL), ["taken.40"]);
}

#[test]
fn what_a_crash_left_half_done_is_put_right() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut folder, _) = open(&temporary);
    let extra = Key { extra: 3, ..key(-7, 20) };
    folder.write(key(-9, 10), CLOSED, &pending(0..2)).unwrap();
    folder.write(extra, CLOSED, &content(0..2)).unwrap();
    let spool = temporary.path().join(SPOOL);
    fs::write(spool.join("0000000420-000000000040.jsonl.partial"), "{\"cwmem").unwrap();
    fs::write(spool.join("README"), "a stranger's").unwrap();
    drop(folder);
    let (mut folder, found) = open(&temporary);
    assert_eq!(keys(&found), [key(-9, 10), extra]);
    let marks: Vec<_> = found.files.iter().map(|file| file.pending).collect();
    assert_eq!((marks, found.taken_through), (vec![true, false], 20));
    assert!(found.files.iter().all(|file| file.kib > 0));
    for file in found.files {
        folder.load(file).unwrap();
        folder.remove(file.key).unwrap();
    }
    assert_eq!(names(temporary.path(), SPOOL), ["README", "taken.20"]);
}

#[test]
fn a_name_says_whether_anything_can_be_sent_at_once() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut folder, _) = open(&temporary);
    let (plain, marked) =
        ("0000000420-000000000010.jsonl", "0000000420-000000000010.pending.jsonl");
    folder.write(key(7, 10), CLOSED, &both(0..2)).unwrap();
    assert_eq!(names(temporary.path(), SPOOL), [plain]);
    folder.replace(key(7, 10), CLOSED, &pending(0..2)).unwrap();
    assert_eq!(names(temporary.path(), SPOOL), [marked]);
    assert_eq!(folder.load(filed(key(7, 10), true)).unwrap().1, pending(0..2));
    folder.replace(key(7, 10), CLOSED, &content(0..4)).unwrap();
    assert_eq!(names(temporary.path(), SPOOL), [plain]);
    folder.write(key(8, 20), CLOSED, &pending(0..2)).unwrap();
    // What is left of it could not be noted: the index thinks that it is completed.
    assert_eq!(folder.load(filed(key(8, 20), false)).unwrap().1, pending(0..2));
    folder.remove(key(8, 20)).unwrap();
    assert_eq!(names(temporary.path(), SPOOL), [plain, "taken.20"]);
    folder.write(key(9, 30), CLOSED, &pending(0..2)).unwrap();
    let (told, lost) = folder.drop(filed(key(9, 30), false)).unwrap();
    assert_eq!((told, lost), (Some((CLOSED, "boot-1".to_owned())), 2));
}

/// A crash between the new file and the old one's end.
#[test]
fn of_a_part_under_both_names_the_newer_is_kept() {
    for (plain, newer) in [(both(0..2), true), (content(0..4), false)] {
        let temporary = tempfile::tempdir().unwrap();
        let (mut folder, _) = open(&temporary);
        folder.write(key(7, 10), CLOSED, &plain).unwrap();
        let path = folder.path(key(7, 10), false);
        let bytes = fs::read(&path).unwrap();
        folder.replace(key(7, 10), CLOSED, &pending(0..2)).unwrap();
        fs::write(&path, bytes).unwrap();
        drop(folder);
        let (mut folder, found) = open(&temporary);
        assert_eq!(found.files.len(), 1);
        assert_eq!(found.files[0].pending, newer);
        let expected = if newer { pending(0..2) } else { plain };
        assert_eq!(folder.load(found.files[0]).unwrap().1, expected);
        assert_eq!(names(temporary.path(), SPOOL).len(), 1);
    }
}

#[test]
fn what_is_given_up_is_counted_whatever_is_left_of_it() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut folder, _) = open(&temporary);
    for (through, bytes, lost) in [(10, None, 3), (20, Some(""), 1), (30, Some("{}\n{}\n"), 2)] {
        folder.write(key(7, through), CLOSED, &content(0..3)).unwrap();
        if let Some(bytes) = bytes {
            fs::write(folder.path(key(7, through), false), bytes).unwrap();
        }
        let (told, counted) = folder.drop(filed(key(7, through), false)).unwrap();
        assert_eq!((told.is_some(), counted), (bytes.is_none(), lost));
    }
    assert_eq!(folder.drop(filed(key(7, 40), false)).unwrap(), (None, 1), "it vanished");
    let (Unsent::Io(_), 1) = folder.load(filed(key(7, 40), false)).unwrap_err() else {
        panic!("it vanished")
    };
}

#[test]
fn a_newer_format_is_set_aside_untouched() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut folder, _) = open(&temporary);
    let text = "{\"cwmem_spool\":2,\"owner\":\"?\"}\n[1]\n{\"end\":1}\n";
    let path = folder.path(key(7, 10), false);
    fs::write(&path, text).unwrap();
    let (unsent, _) = folder.load(filed(key(7, 10), false)).unwrap_err();
    assert!(matches!(unsent, Unsent::Damage(Damage::Newer { found: 2 })), "{unsent}");
    let aside = temporary.path().join(QUARANTINE).join("newer.0000000420-000000000010.jsonl");
    assert_eq!(fs::read_to_string(aside).unwrap(), text);
    assert!(!path.exists());
}

#[test]
fn a_second_daemon_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let (folder, _) = open(&temporary);
    let second = Folder::open(temporary.path(), &owner(OWN), "boot-1");
    let error = second.unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("another cwmem runs"));
    drop(folder);
    open(&temporary);
}

#[test]
fn another_hosts_folder_is_set_aside_whole_and_counted() {
    let temporary = tempfile::tempdir().unwrap();
    for round in 0..6 {
        let mut folder = open_then(&temporary, "i-2 machine-id:a");
        folder.write(key(7, 10), CLOSED, &content(0..3)).unwrap();
        folder.write(key(8, 20), CLOSED, &both(0..2)).unwrap();
        drop(folder);
        let (folder, found) = open(&temporary);
        assert_eq!((found.foreign, found.files.len(), found.taken_through), (7, 0, 0));
        let folders = names(temporary.path(), QUARANTINE);
        assert_eq!(folders.len(), (round + 1).min(4), "bounded: {folders:?}");
        let aside = names(temporary.path(), "quarantine/foreign.0");
        assert_eq!(aside.len(), 2, "whole: {aside:?}");
        drop(folder);
        fs::write(temporary.path().join(OWNER), "i-2 machine-id:a").unwrap();
    }
}

/// One file of another host's among one's own: somebody copied it there.
#[test]
fn a_foreign_file_is_set_aside() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut folder, _) = open(&temporary);
    let head = Head::new("i-2 machine-id:a", "boot-9", 10, CLOSED);
    fs::write(folder.path(key(7, 10), false), text::write(&head, &content(0..3))).unwrap();
    let (unsent, lost) = folder.load(filed(key(7, 10), false)).unwrap_err();
    assert!(matches!(unsent, Unsent::Foreign(_)), "{unsent}");
    assert_eq!(lost, 3);
    assert_eq!(names(temporary.path(), QUARANTINE).len(), 1);
}

/// A power cut may leave the owner's file empty, a bad block may change it: the files know better.
#[test]
fn a_damaged_owner_costs_nothing() {
    for text in ["", "\n", "i-2 machine-id:a", "i-1 machine-id:b", "machine-id:b", "\u{1}"] {
        let temporary = tempfile::tempdir().unwrap();
        let (mut folder, _) = open(&temporary);
        folder.write(key(7, 10), CLOSED, &content(0..3)).unwrap();
        drop(folder);
        fs::write(temporary.path().join(OWNER), text).unwrap();
        let (mut folder, found) = open(&temporary);
        assert_eq!((found.foreign, keys(&found)), (0, vec![key(7, 10)]), "{text:?}");
        folder.load(found.files[0]).unwrap();
        assert_eq!(fs::read_to_string(temporary.path().join(OWNER)).unwrap().trim(), OWN);
    }
    // Without it, another host's files are no less another's.
    let temporary = tempfile::tempdir().unwrap();
    let mut folder = open_then(&temporary, "i-2 machine-id:a");
    folder.write(key(7, 10), CLOSED, &content(0..3)).unwrap();
    drop(folder);
    fs::remove_file(temporary.path().join(OWNER)).unwrap();
    let (folder, found) = open(&temporary);
    assert_eq!((found.foreign, found.files.len()), (3, 0));
    drop(folder);
}

/// The files of an instance, this host not knowing yet which one it is.
fn undecided() -> (TempDir, Folder) {
    let temporary = tempfile::tempdir().unwrap();
    let mut folder = open_then(&temporary, OWN);
    folder.write(key(6, 5), CLOSED, &content(0..1)).unwrap();
    folder.write(key(7, 10), CLOSED, &content(0..3)).unwrap();
    folder.write(key(8, 20), CLOSED, &content(0..3)).unwrap();
    folder.remove(key(8, 20)).unwrap();
    drop(folder);
    let (mut folder, found) = open_as(&temporary, "machine-id:a");
    assert_eq!((found.undecided, found.files.len()), (Some(owner(OWN)), 0));
    assert_eq!((found.foreign, found.taken_through), (0, 20), "new sequences are above");
    folder.write(key(9, 30), CLOSED, &content(0..1)).unwrap();
    (temporary, folder)
}

#[test]
fn files_wait_until_it_is_known_whose_they_are() {
    let (temporary, mut folder) = undecided();
    let found = folder.decide(&owner(OWN), false).unwrap();
    folder.own(&owner(OWN)).unwrap();
    assert_eq!(keys(&found), [key(6, 5), key(7, 10)]);
    assert_eq!(names(temporary.path(), SPOOL).last().unwrap(), "taken.20");
    for file in found.files {
        folder.load(file).unwrap();
        folder.remove(file.key).unwrap();
    }
    folder.remove(key(9, 30)).unwrap();
    assert_eq!(names(temporary.path(), SPOOL), ["taken.30"]);

    let (temporary, mut folder) = undecided();
    let other = owner("i-3 machine-id:a");
    let found = folder.decide(&other, true).unwrap();
    folder.own(&other).unwrap();
    assert_eq!((found.foreign, found.files.len()), (4, 0));
    assert_eq!(names(temporary.path(), "quarantine/foreign.0").len(), 3);
    folder.load(filed(key(9, 30), false)).unwrap();
}

/// The next start knows what the one before didn't.
#[test]
fn what_was_parked_is_not_forgotten() {
    let (temporary, folder) = undecided();
    drop(folder);
    let (folder, found) = open(&temporary);
    assert_eq!(keys(&found), [key(6, 5), key(7, 10), key(9, 30)]);
    assert_eq!((found.taken_through, found.foreign), (30, 0));
    drop(folder);

    let (temporary, folder) = undecided();
    drop(folder);
    let (_folder, found) = open_as(&temporary, "i-3 machine-id:b");
    assert_eq!((keys(&found), found.foreign), (vec![key(9, 30)], 4), "this boot's is this host's");

    let (temporary, folder) = undecided();
    drop(folder);
    let (mut folder, found) = open_as(&temporary, "machine-id:a");
    assert_eq!((found.undecided, found.taken_through), (Some(owner(OWN)), 30));
    assert_eq!(folder.decide(&owner(OWN), false).unwrap().files.len(), 3);
}

#[test]
fn a_directory_that_is_removed_is_made_anew() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut folder, _) = open(&temporary);
    folder.write(key(7, 10), CLOSED, &content(0..3)).unwrap();
    fs::remove_dir_all(temporary.path()).unwrap();
    folder.remove(key(7, 10)).unwrap();
    folder.replace(key(7, 10), CLOSED, &content(0..3)).unwrap_err();
    folder.write(key(8, 20), CLOSED, &content(0..3)).unwrap();
    folder.load(filed(key(8, 20), false)).unwrap();
    drop(folder);
    let (_, found) = open(&temporary);
    assert_eq!((keys(&found), found.foreign), (vec![key(8, 20)], 0));
}

/// Nothing of a part that wasn't written is there: it may be delivered from memory.
#[test]
fn what_fails_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut folder, _) = open(&temporary);
    fs::create_dir(folder.path(key(7, 10), false)).unwrap();
    folder.write(key(7, 10), CLOSED, &content(0..3)).unwrap_err();
    assert_eq!(names(temporary.path(), SPOOL), ["0000000420-000000000010.jsonl"]);
    let odd = temporary.path().join(SPOOL).join("odd.partial");
    fs::create_dir(odd).unwrap();
    drop(folder);
    let (mut folder, found) = open(&temporary);
    assert!(matches!(folder.load(found.files[0]), Err((Unsent::Io(_), 0))));
}

#[test]
fn the_quarantine_is_bounded() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut folder, _) = open(&temporary);
    for through in 0..130 {
        fs::write(folder.path(key(7, through), false), "damaged").unwrap();
        folder.load(filed(key(7, through), false)).unwrap_err();
    }
    let aside = names(temporary.path(), QUARANTINE);
    assert_eq!((aside.len(), &*aside[0]), (100, "damaged.0000000420-000000000030.jsonl"));
    let datum = format!("{{\"x\":\"{}\"}}", "y".repeat(100_000));
    for _ in 0..40 {
        folder.quarantine(&datum, "it says \"no\"", Timestamp(0)).unwrap();
    }
    let size = |name: &str| {
        fs::metadata(temporary.path().join(QUARANTINE).join(name)).unwrap().len() as usize
    };
    assert!(size("rejected.jsonl") < 1_300_000 && size("rejected.before.jsonl") < 1_300_000);
    let text = fs::read_to_string(temporary.path().join(QUARANTINE).join("rejected.jsonl"));
    for line in text.unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["Reason"], "it says \"no\"");
        assert_eq!(line["When"], "1970-01-01T00:00:00Z");
    }
}

/// What becomes of three files of which one is damaged.
fn damaged(which: usize, damage: impl FnOnce(&mut Vec<u8>)) -> Result<(), TestCaseError> {
    let temporary = tempfile::tempdir().unwrap();
    let (mut folder, _) = open(&temporary);
    let contents = [content(0..3), pending(3..5), content(5..6)];
    for (place, content) in contents.iter().enumerate() {
        folder.write(key(7, place as u64 + 1), CLOSED, content).unwrap();
    }
    let keys = [1, 2, 3].map(|through| key(7, through));
    let path = folder.path(keys[which], which == 1);
    let mut bytes = fs::read(&path).unwrap();
    let before = bytes.clone();
    damage(&mut bytes);
    fs::write(&path, &bytes).unwrap();
    drop(folder);
    let (mut folder, found) = open(&temporary);
    prop_assert_eq!((found.files.len(), found.taken_through, found.foreign), (3, 3, 0));
    for (place, (file, content)) in found.files.iter().zip(&contents).enumerate() {
        match folder.load(*file) {
            Ok((_, read)) => {
                prop_assert_eq!(&read, content);
                prop_assert!(place != which || bytes == before);
            }
            Err((unsent, lost)) => {
                prop_assert_eq!(place, which);
                let is_damage = matches!(unsent, Unsent::Damage(Damage::Damaged(_)));
                prop_assert!(is_damage, "{}", unsent);
                prop_assert!(lost >= 1);
                let name = names(temporary.path(), QUARANTINE).concat();
                prop_assert_eq!(name, format!("damaged.{}", path.file_name().unwrap().display()));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_flipped_byte_costs_its_file_alone(
        which in 0usize..3, place in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        damaged(which, |bytes| {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        })?;
    }

    #[test]
    fn a_cut_off_end_costs_its_file_alone(which in 0usize..3, place in any::<prop::sample::Index>()) {
        damaged(which, |bytes| bytes.truncate(place.index(bytes.len())))?;
    }
}

/// Every digit that the version could become by damage.
#[test]
fn a_damaged_version_is_damage() {
    for digit in b'0'..=b'9' {
        damaged(0, |bytes| bytes[15] = digit).unwrap();
    }
}

fn next(disk: &mut Disk) -> Done {
    for _ in 0..2_000 {
        if let Ok(done) = disk.done.try_recv() {
            return done;
        }
        #[expect(clippy::disallowed_methods, reason = "a real thread is waited for")]
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the disk's thread says nothing");
}

fn start(root: &Path, name: &str) -> Disk {
    let place = Place {
        root: root.to_owned(),
        runtime: root.join("runtime"),
        owner: owner(name),
        boot_id: "boot-1".to_owned(),
    };
    Disk::start(place).unwrap()
}

fn write_order(through: u64, content: Content) -> Order {
    Order::Spool(Job::Write { key: key(7, through), closed: CLOSED, content })
}

#[test]
fn the_thread_does_one_job_after_the_other() {
    let temporary = tempfile::tempdir().unwrap();
    let mut disk = start(temporary.path(), OWN);
    assert!(matches!(next(&mut disk), Done::Opened(Ok(found)) if found == Found::default()));
    disk.order(write_order(10, content(0..3)));
    assert!(matches!(next(&mut disk), Done::Written { key: written, .. } if written == key(7, 10)));
    disk.order(Order::Spool(Job::Load {
        files: vec![filed(key(7, 10), true), filed(key(7, 11), false)],
    }));
    let Done::Loaded(loaded) = next(&mut disk) else { panic!() };
    let [Loaded { file, content: Ok(_) }, Loaded { content: Err(lost), .. }] = &loaded[..] else {
        panic!("{loaded:?}")
    };
    assert_eq!(file.key, key(7, 10), "under whichever name");
    assert_eq!((lost.cause, lost.datums), (Some(Cause::Damaged), 1));
    let file = filed(key(7, 10), false);
    disk.order(Order::Spool(Job::Drop { file, cause: Cause::SpoolFull }));
    let Done::Dropped { cause: Cause::SpoolFull, closed: Some((CLOSED, boot_id)), datums: 3 } =
        next(&mut disk)
    else {
        panic!()
    };
    assert_eq!(boot_id, "boot-1");
    let mut second = start(temporary.path(), OWN);
    assert!(matches!(next(&mut second), Done::Opened(Err(OpenError::Locked { .. }))));
}

/// The directory can't be made at first: what is to be written tries again.
#[test]
fn a_directory_that_comes_late_is_opened_then() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().join("state");
    fs::write(&root, "in the way").unwrap();
    let mut disk = start(&root, OWN);
    assert!(matches!(next(&mut disk), Done::Opened(Err(OpenError::Io { .. }))));
    disk.order(write_order(10, content(0..3)));
    assert!(matches!(next(&mut disk), Done::NotWritten { full: false, .. }));
    fs::remove_file(&root).unwrap();
    disk.order(write_order(10, content(0..3)));
    assert!(matches!(next(&mut disk), Done::Opened(Ok(_))));
    assert!(matches!(next(&mut disk), Done::Written { .. }));
}

#[test]
fn the_thread_decides_whose_the_files_are() {
    // The second start parked what the first, which didn't know better, had written: in this boot.
    for (name, files, foreign) in [("i-1 machine-id:a", 3, 0), ("i-3 machine-id:a", 1, 4)] {
        let (temporary, folder) = undecided();
        drop(folder);
        let mut disk = start(temporary.path(), "machine-id:a");
        assert!(matches!(next(&mut disk), Done::Opened(Ok(found)) if found.undecided.is_some()));
        let stored = owner(OWN);
        let undecided = Some(!owner(name).is_same(&stored));
        disk.order(Order::Own { owner: owner(name), undecided });
        let Done::Opened(Ok(found)) = next(&mut disk) else { panic!() };
        assert_eq!((found.files.len(), found.foreign), (files, foreign));
    }
}

#[test]
fn what_may_have_been_sent_is_given_up_by_the_next_start() {
    let temporary = tempfile::tempdir().unwrap();
    let (mut folder, _) = open(&temporary);
    let (sent, unsent) = (key(7, 10), key(8, 10));
    for key in [sent, unsent] {
        folder.write(key, CLOSED, &content(0..3)).unwrap();
        folder.mark(key, true).unwrap();
    }
    folder.mark(unsent, false).unwrap();
    assert_eq!(
        names(temporary.path(), "spool"),
        ["0000000420-000000000010.offered.jsonl", "0000000480-000000000010.jsonl"]
    );
    // While this run knows better, all is as under the other name, and both can be done twice.
    folder.mark(unsent, false).unwrap();
    folder.mark(sent, true).unwrap();
    folder.replace(sent, CLOSED, &content(1..3)).unwrap();
    assert_eq!(folder.load(filed(sent, false)).unwrap().1, content(1..3));
    assert_eq!(names(temporary.path(), "spool").len(), 2);
    drop(folder);

    let (mut folder, found) = open(&temporary);
    assert_eq!((keys(&found), found.offered), (vec![unsent], 2));
    assert_eq!(names(temporary.path(), "spool"), ["0000000480-000000000010.jsonl"]);
    folder.mark(unsent, true).unwrap();
    folder.remove(unsent).unwrap();
    assert_eq!(names(temporary.path(), "spool"), ["taken.10"]);
    // Somebody removed it: nothing can be sent again.
    folder.mark(unsent, true).unwrap();
    folder.write(sent, CLOSED, &content(0..1)).unwrap();
    folder.mark(sent, true).unwrap();
    assert_eq!(folder.drop(filed(sent, false)).unwrap().1, 1);
    assert_eq!(names(temporary.path(), "spool"), ["taken.10"]);
}
