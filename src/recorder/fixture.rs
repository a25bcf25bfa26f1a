//! Rings and samples for the tests of the recorder.

use crate::clock::{Boottime, Moment, Timestamp};
use crate::column::columns;
use crate::metric::NATIVE;
use crate::recorder::header::Heading;
use crate::recorder::layout::{Ring, create};
use crate::sample::Sample;
use crate::source::meminfo::MemInfo;
use crate::source::pressure::Pressure;
use crate::source::vmstat::VmStat;
use crate::units::{Bytes, Tenths};

pub const EXTRAS: [&str; 2] = ["Slab", "Active(anon)"];

pub fn extras() -> Vec<String> {
    EXTRAS.map(str::to_owned).to_vec()
}

pub fn heading(capacity: u32) -> Heading {
    Heading {
        owner: "i-0123456789abcdef0 machine-id:0123456789abcdef0123456789abcdef".into(),
        boot_id: "3f1c9a52-6d8e-4b07-9a41-5c2e7d90b1aa".into(),
        columns: columns(&NATIVE[..4], &extras()),
        capacity,
    }
}

pub fn ring(capacity: u32) -> Ring<Vec<u8>> {
    Ring::open(create(&heading(capacity)).unwrap(), &extras()).unwrap()
}

/// The bytes of a ring into which this many samples went.
pub fn appended(capacity: u32, count: u64) -> Vec<u8> {
    let mut ring = ring(capacity);
    for sequence in 1..=count {
        ring.append(&sample(sequence));
    }
    ring.bytes().to_vec()
}

/// A sample that its sequence tells from all others; of some of them parts are absent.
pub fn sample(sequence: u64) -> Sample {
    let wall = Timestamp(1_795_443_600_000 + (sequence % 1_000_000).cast_signed() * 1_000);
    let mut sample = Sample::new(Moment { wall, boot: Boottime(sequence) }, EXTRAS.len());
    sample.sequence = sequence;
    sample.covered = Tenths(10);
    sample.meminfo = (sequence % 7 != 6).then(|| {
        let mut info = projected_meminfo(sequence);
        info.buffers = Some(Bytes(1));
        info
    });
    sample.extras = vec![Some(sequence % 1_000), (!sequence.is_multiple_of(3)).then_some(8)];
    sample.pressure = Some(Pressure { some: sequence % 1_000, full: Some(3) });
    sample.vmstat = sequence.is_multiple_of(2).then_some(VmStat {
        oom_kill: Some(sequence % 5),
        major_faults: Some(4),
        ..VmStat::default()
    });
    sample
}

/// What a ring keeps of it.
pub fn projected(sequence: u64) -> Sample {
    let mut sample = sample(sequence);
    sample.meminfo = sample.meminfo.map(|_| projected_meminfo(sequence));
    sample.pressure = sample.pressure.map(|pressure| Pressure { full: None, ..pressure });
    sample.vmstat = sample.vmstat.map(|vmstat| VmStat { major_faults: None, ..vmstat });
    sample
}

fn projected_meminfo(sequence: u64) -> MemInfo {
    MemInfo {
        total: Bytes(1 << 30),
        available: Some(Bytes(sequence % 1_000)),
        swap_total: Some(Bytes(0)),
        hugetlb: (!sequence.is_multiple_of(5)).then_some(Bytes(0)),
        ..MemInfo::default()
    }
}
