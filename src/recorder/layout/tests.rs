//! Tests of the ring's bytes: what comes out is what went in, whatever happens to them.

use super::*;
use crate::recorder::fixture::{EXTRAS, appended, heading, projected, ring, sample};
use crate::recorder::header::MARKS;
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn opened(bytes: &[u8]) -> Result<Ring<&[u8]>, HeaderError> {
    Ring::open(bytes, &EXTRAS.map(str::to_owned))
}

fn read(bytes: &[u8]) -> (Vec<Sample>, u64) {
    let ring = opened(bytes).unwrap();
    let contents = ring.contents();
    (ring.samples(&contents).collect(), contents.damaged)
}

/// Sixteen bytes a line, as hexadecimal digits and as text; lines of zeros are left out.
fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (place, line) in bytes.chunks(16).enumerate() {
        if line.iter().any(|&byte| byte != 0) {
            let digits: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
            let printed = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' };
            let printed: String = line.iter().map(printed).collect();
            text.push_str(&format!("{:04}  {:47}  {printed}\n", place * 16, digits.join(" ")));
        }
    }
    text
}

/// The format is pinned: what an earlier version wrote is read.
#[test]
fn the_bytes_are_these() {
    let mut ring = ring(4);
    ring.append(&sample(5));
    ring.set_taken_through(3);
    expect![[r#"
        0000  63 77 6d 65 6d 72 6e 67 01 00 00 00 26 e1 47 dd  cwmemrng....&.G.
        0016  78 00 00 00 04 00 00 00 0b 00 00 00 2b 01 00 00  x...........+...
        0032  69 2d 30 31 32 33 34 35 36 37 38 39 61 62 63 64  i-0123456789abcd
        0048  65 66 30 20 6d 61 63 68 69 6e 65 2d 69 64 3a 30  ef0.machine-id:0
        0064  31 32 33 34 35 36 37 38 39 61 62 63 64 65 66 30  123456789abcdef0
        0080  31 32 33 34 35 36 37 38 39 61 62 63 64 65 66 0a  123456789abcdef.
        0096  33 66 31 63 39 61 35 32 2d 36 64 38 65 2d 34 62  3f1c9a52-6d8e-4b
        0112  30 37 2d 39 61 34 31 2d 35 63 32 65 37 64 39 30  07-9a41-5c2e7d90
        0128  62 31 61 61 0a 6d 65 6d 69 6e 66 6f 3a 4d 65 6d  b1aa.meminfo:Mem
        0144  54 6f 74 61 6c 0a 6d 65 6d 69 6e 66 6f 3a 4d 65  Total.meminfo:Me
        0160  6d 41 76 61 69 6c 61 62 6c 65 0a 6d 65 6d 69 6e  mAvailable.memin
        0176  66 6f 3a 53 77 61 70 54 6f 74 61 6c 0a 6d 65 6d  fo:SwapTotal.mem
        0192  69 6e 66 6f 3a 53 77 61 70 46 72 65 65 0a 6d 65  info:SwapFree.me
        0208  6d 69 6e 66 6f 3a 48 75 67 65 50 61 67 65 73 5f  minfo:HugePages_
        0224  54 6f 74 61 6c 0a 6d 65 6d 69 6e 66 6f 3a 48 75  Total.meminfo:Hu
        0240  67 65 70 61 67 65 73 69 7a 65 0a 6d 65 6d 69 6e  gepagesize.memin
        0256  66 6f 3a 48 75 67 65 74 6c 62 0a 70 72 65 73 73  fo:Hugetlb.press
        0272  75 72 65 3a 73 6f 6d 65 0a 76 6d 73 74 61 74 3a  ure:some.vmstat:
        0288  6f 6f 6d 5f 6b 69 6c 6c 0a 6d 65 6d 69 6e 66 6f  oom_kill.meminfo
        0304  3a 41 63 74 69 76 65 28 61 6e 6f 6e 29 0a 6d 65  :Active(anon).me
        0320  6d 69 6e 66 6f 3a 53 6c 61 62 0a 00 00 00 00 00  minfo:Slab......
        3968  03 00 00 00 00 00 00 00 c4 9f 5b 12 00 00 00 00  ..........[.....
        4208  00 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00  ................
        4224  08 3e c7 08 a2 01 00 00 05 00 00 00 00 00 00 00  .>..............
        4240  0a 00 00 00 a3 c3 94 a8 00 00 00 40 00 00 00 00  ...........@....
        4256  05 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................
        4272  ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff  ................
        4288  ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff  ................
        4304  05 00 00 00 00 00 00 00 ff ff ff ff ff ff ff ff  ................
        4320  08 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00  ................
    "#]]
    .assert_eq(&dump(ring.bytes()));
}

fn check_refused(bytes: &[u8], expected: Expect) {
    expected.assert_eq(&opened(bytes).err().unwrap().to_string());
}

#[test]
fn a_header_that_cant_be_read_says_why() {
    let whole = appended(4, 0);
    check_refused(&[], expect!["expected a header of 4096 bytes, found 0; the file was cut off"]);
    check_refused(
        &whole[..HEADER - 1],
        expect!["expected a header of 4096 bytes, found 4095; the file was cut off"],
    );
    check_refused(
        &[0; 8192],
        expect![[
            r#"expected a ring of cwmem's flight recorder, which begins with "cwmemrng"; found "\0\0\0\0\0\0\0\0""#
        ]],
    );
    let mut newer = whole.clone();
    newer[8] = 2;
    check_refused(
        &newer,
        expect![
            "expected format 1, found format 2, which a newer cwmem wrote; read it with that version"
        ],
    );
    let mut damaged = whole.clone();
    damaged[40] ^= 1;
    check_refused(
        &damaged,
        expect![
            "the header's checksum doesn't match; the file is damaged, or wasn't made by cwmem"
        ],
    );
}

#[test]
fn a_heading_that_cant_be_kept_says_why() {
    let check = |heading: Heading, expected: Expect| {
        expected.assert_eq(&create(&heading).err().unwrap().to_string());
    };
    check(
        Heading { capacity: 0, ..heading(4) },
        expect![
            "a ring of 0 records would take 4096 bytes; expected 1 record or more and at most 67108864 bytes: shorten recorder.duration"
        ],
    );
    check(
        Heading { capacity: u32::MAX, ..heading(4) },
        expect![
            "a ring of 4294967295 records would take 515396079496 bytes; expected 1 record or more and at most 67108864 bytes: shorten recorder.duration"
        ],
    );
    check(
        Heading { boot_id: "a\nb".into(), ..heading(4) },
        expect![[r#""a\nb" in a ring's header must be one line"#]],
    );
    check(
        Heading { owner: "x".repeat(HEADER), ..heading(4) },
        expect![
            "the names of the owner, the boot and the columns take 4332 bytes, of which a ring's header has 3936; name fewer fields in metrics.meminfo"
        ],
    );
}

#[test]
fn a_ring_keeps_the_newest() {
    for (count, expected) in [(1, 1..=1), (4, 1..=4), (5, 2..=5), (41, 38..=41)] {
        let (samples, damaged) = read(&appended(4, count));
        let sequences: Vec<u64> = samples.iter().map(|sample| sample.sequence).collect();
        assert_eq!(sequences, expected.collect::<Vec<u64>>(), "{count}");
        assert_eq!(damaged, 0);
    }
}

#[test]
fn a_leap_of_the_sequence_loses_nothing() {
    let mut ring = ring(8);
    for sequence in [1, 2, 3, 4, 5, 6, 7, 8, 9, 1_000, 1_001, u64::MAX] {
        ring.append(&sample(sequence));
    }
    let contents = ring.contents();
    let sequences: Vec<u64> = ring.samples(&contents).map(|sample| sample.sequence).collect();
    // 1,000 lies where 8 was, 1,001 where 9 was, the last where 7 was.
    assert_eq!(sequences, [2, 3, 4, 5, 6, 1_000, 1_001, u64::MAX]);
    assert_eq!((contents.damaged, contents.next_after(6)), (0, Some(1_000)));
    assert_eq!(ring.get(5), Some(projected(5)));
    assert_eq!(ring.get(7), None);
    ring.append(&Sample { sequence: 0, ..sample(1) });
    assert_eq!(ring.contents(), contents, "0 is no sequence");
}

#[test]
fn records_of_another_ring_never_pass() {
    let old = appended(4, 4);
    let mut other = create(&Heading { boot_id: "later".into(), ..heading(4) }).unwrap();
    other[HEADER..].copy_from_slice(&old[HEADER..]);
    assert_eq!(read(&other), (Vec::new(), 4));
}

#[test]
fn blocks_of_zeros_within_are_counted_as_lost() {
    let mut bytes = appended(8, 20);
    let size = heading(8).record_size();
    bytes[HEADER + size..HEADER + 3 * size].fill(0);
    let (samples, damaged) = read(&bytes);
    assert_eq!((samples.len(), damaged), (6, 2));
}

#[test]
fn a_torn_mark_leaves_the_older_one() {
    let mut ring = ring(4);
    for (through, expected) in [(0, 0), (7, 7), (9, 9), (8, 9), (12, 12)] {
        ring.set_taken_through(through);
        assert_eq!(ring.taken_through(), expected);
    }
    let bytes = ring.bytes().to_vec();
    for place in MARKS..HEADER {
        let mut torn = bytes.clone();
        torn[place] ^= 0x10;
        assert!([9, 12].contains(&opened(&torn).unwrap().taken_through()), "{place}");
    }
}

proptest! {
    #[test]
    fn what_went_in_comes_out(capacity in 1u32..20, count in 0u64..60) {
        let (samples, damaged) = read(&appended(capacity, count));
        let first = (count + 1).saturating_sub(u64::from(capacity)).max(1);
        prop_assert_eq!(samples, (first..=count).map(projected).collect::<Vec<_>>());
        prop_assert_eq!(damaged, 0);
    }

    /// One byte of a record costs that record, one of the header the file; a mark costs nothing.
    #[test]
    fn a_flipped_byte_costs_one_record(count in 0u64..12, place in any::<prop::sample::Index>(), flip in 1u8..) {
        let whole = appended(5, count);
        let place = place.index(whole.len());
        let mut bytes = whole.clone();
        bytes[place] ^= flip;
        if place < MARKS {
            prop_assert!(opened(&bytes).is_err());
            return Ok(());
        }
        let (samples, damaged) = read(&bytes);
        let before = read(&whole).0;
        if place < HEADER {
            prop_assert_eq!((samples, damaged), (before, 0));
            return Ok(());
        }
        let slot = (place - HEADER) / heading(5).record_size();
        let kept: Vec<Sample> =
            before.into_iter().filter(|sample| sample.sequence % 5 != slot as u64).collect();
        prop_assert_eq!((samples, damaged), (kept, 1));
    }

    /// Whatever happens to the slots and the marks: nothing comes out that didn't go in, in order
    /// and once, and what is lost is counted.
    #[test]
    fn damage_is_passed_over_and_counted(
        count in 5u64..12,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = appended(5, count);
        for (place, value) in flips {
            let place = MARKS + place.index(bytes.len() - MARKS);
            bytes[place] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(HEADER + cut.index(bytes.len() - HEADER));
        }
        let (samples, damaged) = read(&bytes);
        prop_assert!(samples.is_sorted_by_key(|sample| sample.sequence));
        prop_assert!(samples.iter().all(|found| *found == projected(found.sequence)));
        prop_assert!(samples.iter().all(|found| found.sequence + 5 > count));
        prop_assert_eq!(samples.len() as u64 + damaged, 5);
    }

    #[test]
    fn any_bytes_are_no_ring_or_a_ring(bytes in prop::collection::vec(any::<u8>(), 0..5_000)) {
        prop_assert!(opened(&bytes).is_err());
    }
}
