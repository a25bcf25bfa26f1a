//! The sampling path allocates nothing: read, parse, record and fold, counted by the allocator itself.

#![allow(unsafe_code, reason = "an allocator that counts cannot be written without it")]

use cwmem::clock::Clock;
use cwmem::column::columns;
use cwmem::metric;
use cwmem::preset::{Manner, PRESETS};
use cwmem::recorder;
use cwmem::recorder::header::Heading;
use cwmem::sample::{Sample, Sources};
use cwmem::under_pressure::{Levels, UnderPressure};
use cwmem::units::Tenths;
use cwmem::window::{Form, Window};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

struct Counting;

thread_local! {
    /// Of this thread only: the harness's own allocates when it likes.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has none any more.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

fn counted() -> usize {
    ALLOCATIONS.with(Cell::get)
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn a_sample_allocates_nothing() {
    let clock = Clock::System;
    let extras = vec!["Slab".to_owned(), "HugePages_Total".to_owned()];
    let mut metrics = metric::NATIVE.to_vec();
    metrics
        .extend(extras.iter().enumerate().map(|(place, name)| metric::Metric::extra(name, place)));
    // All presets beside them, each with all that it has.
    let rows = PRESETS.iter().flat_map(|preset| preset.rows);
    metrics.extend(rows.map(|row| row.metric(Manner { publication: 1, ..Manner::default() })));
    let needs = metric::needs(&metrics, &extras, true);
    let mut sources = Sources::open(Path::new("/proc"), &needs, clock.now().boot);
    let mut sample = Sample::new(clock.now(), extras.len());
    sample.covered = Tenths(10);
    let folder = tempfile::tempdir().unwrap();
    let heading = Heading {
        owner: String::new(),
        boot_id: String::new(),
        columns: columns(&metrics, &extras),
        capacity: 100,
    };
    let mut recorder = recorder::file::open(folder.path(), None, &heading, &extras).recorder;
    assert!(recorder.keeps());
    let mut window = Window::new(metrics, Duration::from_secs(60), Form::Values);
    let levels = Levels { available_below: 0.15, stall_above: 0.05 };
    let mut watch = UnderPressure::new(levels, Duration::from_secs(60));
    let mut once = |second: u64| {
        let mut now = clock.now();
        now.boot = now.boot.plus(Duration::from_secs(second));
        sources.read(&mut sample, now);
        sample.sequence += 1;
        recorder.append(&sample);
        recorder.set_taken_through(second);
        window.record(&sample);
        let _ = watch.observe(&sample);
        sample.vmstat.is_some()
    };
    assert!(once(0), "vmstat is there");
    let before = counted();
    assert!(before > 0, "the allocator counts");
    let with_vmstat = (1..=1_000).filter(|second| once(*second)).count();
    assert_eq!(counted() - before, 0);
    assert_eq!(with_vmstat, 1_000);
}
