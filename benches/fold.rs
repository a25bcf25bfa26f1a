//! Folding an hour of samples, and batching ten thousand datums.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use cwmem::batch::batches;
use cwmem::clock::{Boottime, Moment, Timestamp};
use cwmem::datum::{Datum, Resolution};
use cwmem::dimension::Dimension;
use cwmem::distribution::Statistics;
use cwmem::metric;
use cwmem::sample::Sample;
use cwmem::source::meminfo::MemInfo;
use cwmem::units::{Bytes, Tenths, Unit};
use cwmem::window::{End, Form, Window};
use std::hint::black_box;
use std::time::Duration;

fn hour(window: &mut Window) {
    let mut sample = Sample::new(Moment { wall: Timestamp(0), boot: Boottime(0) }, 0);
    sample.covered = Tenths(10);
    for second in 0..3_600u64 {
        sample.taken =
            Moment { wall: Timestamp(second as i64 * 1_000), boot: Boottime(second * 1_000_000) };
        let available = Some(Bytes(8_000_000_000 - second * 1_234_567));
        sample.meminfo =
            Some(MemInfo { total: Bytes(16_000_000_000), available, ..MemInfo::default() });
        if window.is_over(sample.taken.wall) {
            black_box(window.close(End::Period));
        }
        window.record(&sample);
    }
}

fn datums(count: usize) -> Vec<Datum> {
    let datum = |place: usize| Datum {
        namespace: "EC2/Memory".into(),
        name: "MemoryUsedPercent".into(),
        dimensions: [Dimension { name: "InstanceId".into(), value: format!("i-{place:017x}") }]
            .into(),
        timestamp: Timestamp(place as i64 * 60_000),
        unit: Unit::Percent,
        resolution: Resolution::Standard,
        statistics: Statistics::Values {
            values: [41.2, 41.3, 41.4].into(),
            counts: [100, 400, 100].into(),
        },
    };
    (0..count).map(datum).collect()
}

fn benches(criterion: &mut Criterion) {
    let metrics: Vec<_> =
        metric::DEFAULT.iter().filter_map(|name| metric::native(name).cloned()).collect();
    criterion.bench_function("fold an hour of samples", |bencher| {
        let mut window = Window::new(metrics.clone(), Duration::from_secs(60), Form::Values);
        bencher.iter(|| hour(&mut window));
    });
    criterion.bench_function("batch 10,000 datums", |bencher| {
        bencher.iter_batched(|| datums(10_000), batches, BatchSize::LargeInput);
    });
}

criterion_group!(fold, benches);
criterion_main!(fold);
