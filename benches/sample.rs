//! What a sample costs beside the bare kernel read of the same files, `sysinfo`, and opening and
//! reading them each time. The figures that count are the ratios, printed at the end.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark measures real time, and stops where it cannot"
)]

use criterion::Criterion;
use cwmem::clock::Clock;
use cwmem::column::columns;
use cwmem::metric::{self, Metric};
use cwmem::recorder::header::Heading;
use cwmem::recorder::{self, Recorder};
use cwmem::sample::{Needs, Sample, Sources, VmStatNeed};
use cwmem::source::{meminfo, pressure, vmstat};
use cwmem::units::Tenths;
use cwmem::window::{Form, Window};
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

fn enabled() -> Vec<Metric> {
    metric::DEFAULT.iter().filter_map(|name| metric::native(name).cloned()).collect()
}

/// Read, parse and fold, as the sampler does each second: meminfo, pressure and vmstat.
fn cwmem_sample() -> impl FnMut() {
    recorded_sample(Recorder::none())
}

/// An hour's ring in a mapped file.
fn recorder(folder: &Path) -> Recorder {
    let heading = Heading {
        owner: "i-0123456789abcdef0".into(),
        boot_id: String::new(),
        columns: columns(&enabled(), &[]),
        capacity: 3_600,
    };
    let opened = recorder::file::open(folder, None, &heading, &[]);
    assert!(opened.recorder.keeps(), "{:?}", opened.problems);
    opened.recorder
}

/// The same, each sample being recorded first.
fn recorded_sample(mut recorder: Recorder) -> impl FnMut() {
    let clock = Clock::System;
    let proc_root = Path::new("/proc");
    let extras = meminfo::Extras::default();
    let mut meminfo = meminfo::Reader::open(proc_root).unwrap();
    let mut pressure = pressure::Reader::probe(proc_root).ok();
    let mut vmstat = vmstat::Reader::open(proc_root).unwrap();
    let mut window = Window::new(enabled(), Duration::from_secs(60), Form::Values);
    let mut sample = Sample::new(clock.now(), 0);
    sample.covered = Tenths(10);
    move || {
        sample.taken = clock.now();
        sample.meminfo = meminfo.read(&extras, &mut []).ok();
        sample.pressure = pressure.as_mut().and_then(|reader| reader.read().ok());
        sample.vmstat = vmstat.read().ok();
        sample.sequence += 1;
        recorder.append(&sample);
        window.record(black_box(&sample));
    }
}

/// The kernel's own share: the same three files, read and not looked at.
fn bare_read() -> impl FnMut() {
    let files: Vec<File> = FILES.iter().filter_map(|path| File::open(path).ok()).collect();
    let mut buffer = vec![0; 16 * 1024];
    move || {
        for file in &files {
            black_box(file.read_at(&mut buffer, 0).unwrap_or(0));
        }
    }
}

fn open_and_read() -> impl FnMut() {
    || {
        for path in FILES {
            black_box(std::fs::read_to_string(path).unwrap_or_default());
        }
    }
}

fn sysinfo_refresh() -> impl FnMut() {
    let mut system = sysinfo::System::new().unwrap();
    move || system.refresh_memory()
}

/// The same, through the sampler's own sources, which read vmstat at most once a second.
fn between_vmstat() -> impl FnMut() {
    let clock = Clock::System;
    let needs = Needs { pressure: true, vmstat: VmStatNeed::Rates, ..Needs::default() };
    let mut sources = Sources::open(Path::new("/proc"), &needs, clock.now().boot);
    let mut window = Window::new(enabled(), Duration::from_secs(60), Form::Values);
    let mut sample = Sample::new(clock.now(), 0);
    sample.covered = Tenths(1);
    move || {
        sources.read(&mut sample, clock.now());
        window.record(black_box(&sample));
    }
}

/// The median of many short runs, in nanoseconds: what the ratios are made of.
fn median(mut work: impl FnMut()) -> f64 {
    let run = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        for _ in 0..200 {
            work();
        }
        start.elapsed().as_nanos() as f64 / 200.0
    };
    run(&mut work);
    let mut runs: Vec<f64> = (0..101).map(|_| run(&mut work)).collect();
    runs.sort_by(f64::total_cmp);
    runs[runs.len() / 2]
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("sample");
    let mut work = cwmem_sample();
    group.bench_function("read, parse and fold", |bencher| bencher.iter(&mut work));
    let folder = tempfile::tempdir().unwrap();
    let mut work = recorded_sample(recorder(folder.path()));
    group.bench_function("read, parse, record and fold", |bencher| bencher.iter(&mut work));
    drop(work);
    let mut work = between_vmstat();
    group.bench_function("the same between two readings of vmstat", |bencher| {
        bencher.iter(&mut work)
    });
    let mut work = bare_read();
    group.bench_function("bare pread", |bencher| bencher.iter(&mut work));
    let mut work = open_and_read();
    group.bench_function("open and read_to_string", |bencher| bencher.iter(&mut work));
    let mut work = sysinfo_refresh();
    group.bench_function("sysinfo refresh_memory", |bencher| bencher.iter(&mut work));
    group.finish();
    criterion.final_summary();
    let bare = median(bare_read());
    println!("\nratios to the bare pread of the same files ({bare:.0} ns):");
    println!("  read, parse and fold         {:.2}", median(cwmem_sample()) / bare);
    let recorded = median(recorded_sample(recorder(folder.path()))) / bare;
    println!("  read, parse, record and fold {recorded:.2}");
    println!("  open and read_to_string      {:.2}", median(open_and_read()) / bare);
    println!("  sysinfo, meminfo only        {:.2}", median(sysinfo_refresh()) / bare);
}

const FILES: [&str; 3] = ["/proc/meminfo", "/proc/pressure/memory", "/proc/vmstat"];
