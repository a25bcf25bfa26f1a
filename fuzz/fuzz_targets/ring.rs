//! The recorder's ring, with any bytes written over it: it is refused or read, in order and without
//! end, and goes on being a ring when it is written to.

#![no_main]

use cwmem::clock::{Boottime, Moment, Timestamp};
use cwmem::column::columns;
use cwmem::recorder::header::{HEADER, Heading, MARKS, check};
use cwmem::recorder::layout::{Ring, create};
use cwmem::sample::Sample;
use libfuzzer_sys::fuzz_target;

fn whole(extras: &[String]) -> Vec<u8> {
    let (owner, boot_id) = ("i-1".to_owned(), "boot".to_owned());
    let heading = Heading { owner, boot_id, columns: columns(&[], extras), capacity: 7 };
    let mut ring = Ring::open(create(&heading).unwrap(), extras).unwrap();
    let mut sample = Sample::new(Moment { wall: Timestamp(1), boot: Boottime(2) }, extras.len());
    for sequence in 1..10 {
        sample.sequence = sequence;
        sample.extras[0] = Some(sequence);
        ring.append(&sample);
    }
    ring.bytes().to_vec()
}

fuzz_target!(|input: (bool, Vec<(u16, u8)>, Option<u16>)| {
    let (mend, edits, cut) = input;
    let extras = ["Slab".to_owned()];
    let mut bytes = whole(&extras);
    for (place, value) in edits {
        if let Some(byte) = bytes.get_mut(usize::from(place)) {
            *byte = value;
        }
    }
    // A header that its writer thought whole.
    if mend {
        let sum = check(0, &[&bytes[..12], &bytes[16..MARKS]]);
        bytes[12..16].copy_from_slice(&sum.to_le_bytes());
    }
    bytes.truncate(cut.map_or(usize::MAX, usize::from));
    let Ok(mut ring) = Ring::open(bytes, &extras) else { return };
    let contents = ring.contents();
    let samples: Vec<_> = ring.samples(&contents).collect();
    assert!(ring.bytes().len() >= HEADER);
    assert_eq!(samples.len(), contents.len());
    assert!(samples.is_sorted_by(|one, next| one.sequence < next.sequence));
    // A damaged record may be mended by nothing but a broken checksum.
    assert!(samples.iter().all(|sample| sample.extras == [Some(sample.sequence)]));
    let Some(mut next) = samples.last().cloned() else { return };
    next.sequence = next.sequence.saturating_add(1);
    ring.append(&next);
    let taken = ring.taken_through();
    ring.set_taken_through(next.sequence);
    assert_eq!(ring.taken_through(), taken.max(next.sequence));
    assert!(ring.contents().newest() >= contents.newest());
});
