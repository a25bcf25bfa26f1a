//! Tests of the recorder's files: what a start finds, goes on with, sets aside and copies.

use super::*;
use crate::recorder::copy::copy;
use crate::recorder::fixture::{appended, extras, heading, projected, sample};
use crate::recorder::header::HEADER;
use crate::recorder::replay::past;
use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

struct Host {
    folder: TempDir,
}

impl Host {
    fn new() -> Host {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("state")).unwrap();
        Host { folder }
    }

    fn runtime(&self, name: &str) -> PathBuf {
        self.folder.path().join("runtime").join(name)
    }

    fn state(&self, name: &str) -> PathBuf {
        self.folder.path().join("state").join(name)
    }

    fn open(&self, heading: &Heading) -> Opened {
        open(&self.runtime(""), Some(&self.state("")), heading, &extras())
    }

    /// A run that takes these samples and is killed.
    fn run(&self, heading: &Heading, sequences: impl IntoIterator<Item = u64>) {
        let mut opened = self.open(heading);
        assert!(opened.problems.is_empty() && opened.set_aside.is_empty(), "{:?}", opened.problems);
        for sequence in sequences {
            opened.recorder.append(&sample(sequence));
        }
    }

    fn reboot(&self) {
        fs::remove_dir_all(self.runtime("")).unwrap();
    }
}

fn later_boot() -> Heading {
    Heading { boot_id: "later".into(), ..heading(8) }
}

/// The sequences of what is inherited, a list for each recording.
fn inherited(opened: &Opened) -> Vec<Vec<u64>> {
    let of = |recording: &Recording| recording.samples().map(|sample| sample.sequence).collect();
    opened.inherited.iter().map(of).collect()
}

/// The sequences of all samples, in the order of the replay.
fn all(opened: &Opened) -> Vec<u64> {
    past(&opened.inherited).map(|past| past.sample.sequence).collect()
}

#[test]
fn the_same_ring_is_gone_on_with() {
    let host = Host::new();
    host.run(&heading(8), 1..=3);
    let mut opened = host.open(&heading(8));
    assert_eq!((inherited(&opened), opened.recorder.last_sequence()), (vec![vec![1, 2, 3]], 3));
    opened.recorder.append(&sample(4));
    opened.recorder.set_taken_through(2);
    let recording = Recording::open(&host.runtime(RING)).unwrap();
    assert!(recording.samples().eq((1..=4).map(|sequence| {
        // Read without the configuration, extra fields come in the recorded order.
        let mut sample = projected(sequence);
        sample.extras.reverse();
        sample
    })));
    assert_eq!((recording.taken_through(), recording.damaged()), (2, 0));
    assert!(!host.runtime(BEFORE).exists());
}

#[test]
fn a_ring_of_other_columns_size_or_boot_is_kept_for_folding() {
    let mut columns = heading(8).columns;
    columns.pop();
    for other in [heading(9), Heading { columns, ..heading(8) }, later_boot()] {
        let host = Host::new();
        host.run(&heading(8), 1..=3);
        host.run(&other, 4..=5);
        let opened = host.open(&other);
        assert_eq!(inherited(&opened), [vec![1, 2, 3], vec![4, 5]]);
        assert_eq!(opened.recorder.last_sequence(), 5);
        assert!(Recording::open(&host.runtime(BEFORE)).unwrap().heading() == &heading(8));
    }
}

#[test]
fn what_isnt_this_hosts_or_cant_be_read_is_set_aside() {
    let foreign = Heading { owner: "i-other".into(), ..heading(8) };
    let foreign = layout::create(&foreign).unwrap();
    let mut damaged = appended(8, 3);
    damaged[50] ^= 1;
    let mut newer = appended(8, 3);
    newer[8] = 9;
    let cases: [(&[u8], &str, &str); 4] = [
        (&foreign, "ring.foreign", "it is the recording of another host, \"i-other\""),
        (&damaged, "ring.damaged", "checksum"),
        (b"cwm", "ring.damaged", "found 3"),
        (&newer, "ring.newer", "format 9"),
    ];
    for (bytes, name, reason) in cases {
        for place in [RING, BEFORE] {
            let host = Host::new();
            fs::create_dir(host.runtime("")).unwrap();
            for folder in [host.runtime(""), host.state("")] {
                fs::write(folder.join(place), bytes).unwrap();
                // An older one gives way.
                fs::write(folder.join(name), "older").unwrap();
            }
            let opened = host.open(&heading(8));
            assert!(opened.problems.is_empty() && opened.inherited.is_empty());
            assert!(opened.recorder.keeps());
            for folder in [host.runtime(""), host.state("")] {
                let aside = SetAside { path: folder.join(name), ..opened.set_aside[0].clone() };
                assert!(opened.set_aside.contains(&aside), "{:?}", opened.set_aside);
                assert!(aside.reason.to_string().contains(reason), "{}", aside.reason);
                assert_eq!(fs::read(folder.join(name)).unwrap(), bytes);
            }
        }
    }
}

#[test]
fn a_ring_cut_short_gives_what_it_has() {
    let host = Host::new();
    host.run(&heading(8), 1..=12);
    let bytes = fs::read(host.runtime(RING)).unwrap();
    fs::write(host.runtime(RING), &bytes[..bytes.len() - 1]).unwrap();
    let opened = host.open(&heading(8));
    assert_eq!(inherited(&opened), [vec![5, 6, 8, 9, 10, 11, 12]]);
    assert_eq!(opened.inherited[0].damaged(), 1);
    assert!(opened.recorder.keeps() && opened.recorder.last_sequence() == 12);
    assert!(Recording::open(&host.runtime(RING)).unwrap().contents().is_empty());
}

#[test]
fn after_a_reboot_the_copies_are_inherited_until_they_are_replaced() {
    let host = Host::new();
    host.run(&heading(8), 1..=3);
    assert_eq!(copy(&host.runtime(RING), &host.state(RING), 0).unwrap(), 3);
    host.reboot();
    // Killed before anything could be copied, twice.
    host.run(&later_boot(), 4..=5);
    host.run(&later_boot(), 6..=6);
    let opened = host.open(&later_boot());
    assert_eq!(inherited(&opened), [vec![1, 2, 3], vec![4, 5, 6]]);
    assert_eq!(copy(&host.runtime(RING), &host.state(RING), 0).unwrap(), 6);
    // The ring and its copy.
    let opened = host.open(&later_boot());
    assert_eq!(inherited(&opened), [vec![1, 2, 3], vec![4, 5, 6], vec![4, 5, 6]]);
    assert_eq!(all(&opened), [1, 2, 3, 4, 4, 5, 5, 6, 6]);
    host.reboot();
    let opened = host.open(&Heading { boot_id: "third".into(), ..heading(8) });
    assert_eq!(inherited(&opened), [vec![1, 2, 3], vec![4, 5, 6]]);
}

#[test]
fn a_ring_that_was_swept_away_comes_back_from_its_copy() {
    let host = Host::new();
    host.run(&heading(8), 1..=9);
    copy(&host.runtime(RING), &host.state(RING), 0).unwrap();
    host.reboot();
    host.run(&heading(8), 10..=11);
    let opened = host.open(&heading(8));
    assert_eq!(inherited(&opened), [(2..=9).collect::<Vec<u64>>(), (4..=11).collect()]);
    assert_eq!(all(&opened), [2, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 11]);
}

#[test]
fn what_the_copy_lacks_comes_from_the_ring_and_the_other_way_round() {
    let host = Host::new();
    host.run(&heading(8), 1..=8);
    copy(&host.runtime(RING), &host.state(RING), 0).unwrap();
    let size = heading(8).record_size();
    for (path, lost) in [(host.runtime(RING), 3), (host.state(RING), 5), (host.state(RING), 6)] {
        let mut bytes = fs::read(&path).unwrap();
        bytes[HEADER + lost * size] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    let mut found = all(&host.open(&heading(8)));
    found.dedup();
    assert_eq!(found, (1..=8).collect::<Vec<u64>>());
}

#[test]
fn without_a_runtime_directory_there_is_no_file_and_no_failure() {
    let host = Host::new();
    fs::write(host.runtime(""), "a file").unwrap_or_default();
    fs::write(host.folder.path().join("runtime"), "a file").unwrap();
    fs::write(host.state(RING), appended(8, 3)).unwrap();
    let mut opened = host.open(&heading(8));
    assert_eq!(inherited(&opened), [vec![1, 2, 3]]);
    let problems: Vec<String> = opened.problems.iter().map(ToString::to_string).collect();
    assert!(
        problems.iter().any(|problem| problem.starts_with("no flight recorder")),
        "{problems:?}"
    );
    opened.recorder.append(&sample(4));
    assert!(!opened.recorder.keeps());
    assert_eq!(opened.recorder.last_sequence(), 4);
    let opened = host.open(&Heading { capacity: 0, ..heading(8) });
    assert!(!opened.recorder.keeps());
}

#[test]
fn a_folder_in_the_place_of_the_ring_is_said() {
    let host = Host::new();
    fs::create_dir_all(host.runtime(RING)).unwrap();
    let opened = host.open(&heading(8));
    let problems: Vec<String> = opened.problems.iter().map(ToString::to_string).collect();
    assert!(problems[0].ends_with("runtime/ring: it isn't a regular file"), "{problems:?}");
    assert!(!opened.recorder.keeps());
}

#[test]
fn the_taken_mark_counts_as_a_sequence() {
    let host = Host::new();
    host.run(&heading(8), 1..=3);
    host.open(&heading(8)).recorder.set_taken_through(40);
    assert_eq!(host.open(&heading(8)).recorder.last_sequence(), 40);
}

#[test]
fn a_copy_gets_only_what_is_new() {
    let host = Host::new();
    let mut recorder = host.open(&heading(8)).recorder;
    let (live, kept) = (host.runtime(RING), host.state(RING));
    let mut from = 0;
    for (through, taken) in [(3, 0), (3, 2), (6, 5), (10, 5), (11, 9), (40, 33)] {
        for sequence in recorder.last_sequence() + 1..=through {
            recorder.append(&sample(sequence));
        }
        recorder.set_taken_through(taken);
        let size = heading(8).record_size();
        // A stain in a slot that isn't new stays; one in a new slot goes.
        let slot = |sequence: u64| HEADER + usize::try_from(sequence % 8).unwrap() * size;
        let stain = |sequence: u64| {
            if let Ok(mut bytes) = fs::read(&kept) {
                bytes[slot(sequence) + 9] ^= 1;
                fs::write(&kept, bytes).unwrap();
            }
        };
        let stained = from > 0 && through < from + 8;
        if stained {
            stain(from);
        }
        from = copy(&live, &kept, from).unwrap();
        assert_eq!(from, through);
        assert_eq!(fs::read(&live).unwrap() == fs::read(&kept).unwrap(), !stained, "{through}");
        assert_eq!(Recording::open(&kept).unwrap().taken_through(), taken);
        fs::copy(&live, &kept).unwrap();
    }
    assert!(!host.state(BEFORE).exists());
}

/// The sequence jumps where a late disk knows of more; a record may be damaged.
#[test]
fn a_copy_passes_a_gap() {
    let host = Host::new();
    let mut recorder = host.open(&heading(300)).recorder;
    let (live, kept) = (host.runtime(RING), host.state(RING));
    let mut write = |sequences: std::ops::RangeInclusive<u64>| {
        sequences.for_each(|sequence| recorder.append(&sample(sequence)));
    };
    write(1..=3);
    assert_eq!(copy(&live, &kept, 0).unwrap(), 3);
    write(4..=5);
    write(90..=230);
    assert_eq!(copy(&live, &kept, 3).unwrap(), 5, "what follows at once");
    assert_eq!(copy(&live, &kept, 5).unwrap(), 230, "then what is beyond");
    assert_eq!(fs::read(&live).unwrap(), fs::read(&kept).unwrap());
    write(231..=420);
    assert_eq!(copy(&live, &kept, 230).unwrap(), 420, "past the ring's end");
    assert_eq!(fs::read(&live).unwrap(), fs::read(&kept).unwrap());
    assert_eq!(copy(&live, &kept, 420).unwrap(), 420, "nothing is new");
    fs::remove_file(&kept).unwrap();
    assert_eq!(copy(&live, &kept, 420).unwrap(), 420, "a copy that is gone is made anew");
    assert_eq!(fs::read(&live).unwrap(), fs::read(&kept).unwrap());
}

#[test]
fn a_copy_takes_the_place_of_whatever_lies_there() {
    let host = Host::new();
    host.run(&heading(8), 1..=9);
    let (live, kept) = (host.runtime(RING), host.state(RING));
    let bytes = fs::read(&live).unwrap();
    for other in [&b"junk"[..], &bytes[..HEADER], &[&bytes[..], b"x"].concat(), &[0; 9_000]] {
        fs::write(&kept, other).unwrap();
        assert_eq!(copy(&live, &kept, 9).unwrap(), 9);
        assert_eq!(fs::read(&kept).unwrap(), bytes);
        assert!(!host.state(BEFORE).exists());
    }
    let other = layout::create(&later_boot()).unwrap();
    fs::write(&kept, &other).unwrap();
    copy(&live, &kept, 9).unwrap();
    assert_eq!(fs::read(&kept).unwrap(), bytes);
    assert_eq!(fs::read(host.state(BEFORE)).unwrap(), other);
    assert!(copy(&host.runtime("nothing"), &kept, 0).is_err());
}

#[test]
fn it_can_be_read_and_copied_while_it_is_written() {
    let host = Host::new();
    let mut recorder = host.open(&heading(16)).recorder;
    let (live, kept) = (host.runtime(RING), host.state(RING));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut sequence = 0;
            while !stop.load(Ordering::Relaxed) {
                sequence += 1;
                recorder.append(&sample(sequence));
                recorder.set_taken_through(sequence - 1);
            }
        });
        let mut from = 0;
        for turn in 0..2_000 {
            if turn % 2 == 0 {
                from = copy(&live, &kept, from).unwrap();
            }
            let mut recording = Recording::open(if turn % 3 == 0 { &kept } else { &live }).unwrap();
            recording.set_extras(&extras());
            for found in recording.samples() {
                assert_eq!(found, projected(found.sequence));
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

proptest! {
    /// Whatever happens to any of the four files: the agent starts, records, and folds nothing but
    /// what was recorded.
    #[test]
    fn damaged_files_stop_nothing(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 4),
    ) {
        let host = Host::new();
        host.run(&heading(8), 1..=5);
        host.run(&later_boot(), 6..=20);
        copy(&host.runtime(BEFORE), &host.state(RING), 0).unwrap();
        copy(&host.runtime(RING), &host.state(RING), 0).unwrap();
        let files = [host.runtime(RING), host.runtime(BEFORE), host.state(RING), host.state(BEFORE)];
        for (path, (place, value, cut)) in files.iter().zip(damage) {
            let mut bytes = fs::read(path).unwrap();
            let place = place.index(bytes.len());
            bytes[place] = value;
            bytes.truncate(if cut { place } else { bytes.len() });
            fs::write(path, bytes).unwrap();
        }
        let mut opened = host.open(&later_boot());
        prop_assert!(opened.recorder.keeps() && opened.problems.is_empty());
        for past in past(&opened.inherited) {
            prop_assert_eq!(&past.sample, &projected(past.sample.sequence));
        }
        let next = opened.recorder.last_sequence() + 1;
        opened.recorder.append(&sample(next));
        let recording = Recording::open(&host.runtime(RING)).unwrap();
        prop_assert_eq!(recording.contents().newest(), Some(next));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn only_its_owner_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::new();
    host.run(&heading(8), 1..=3);
    let mode = fs::metadata(host.runtime(RING)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
