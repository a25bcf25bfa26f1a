//! What the slow signals cost: one scan of 10,000 simulated processes and of 500 cgroups, what a
//! process costs on this machine's own /proc, and the memory that a scan and a period take at most.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark measures real time, and stops where it cannot"
)]
#![allow(unsafe_code, reason = "an allocator that counts cannot be written without it")]

use cwmem::clock::{Boottime, Clock, Moment, Timestamp};
use cwmem::slow::{Gathering, HostValues, Reading, Scanner, Settings, Signal};
use cwmem::source::cgroup::Pattern;
use cwmem::source::glob::Glob;
use cwmem::source::selector::{Selector, scan};
use cwmem::units::Tenths;
use cwmem::window::{End, Form};
use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What `work` allocates beyond what is there before it, at most and in the end.
fn memory<T>(work: impl FnOnce() -> T) -> (usize, usize, T) {
    let before = NOW.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let result = work();
    let left = NOW.load(Ordering::Relaxed).saturating_sub(before);
    (MOST.load(Ordering::Relaxed) - before, left, result)
}

fn median(mut work: impl FnMut()) -> Duration {
    let run = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    run(&mut work);
    let mut runs: Vec<Duration> = (0..21).map(|_| run(&mut work)).collect();
    runs.sort();
    runs[runs.len() / 2]
}

/// Each with the files that selectors look at.
fn processes(root: &Path, count: usize) {
    for pid in 1..=count {
        let folder = root.join("proc").join(pid.to_string());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("comm"), format!("worker-{}\n", pid % 97)).unwrap();
        let line = format!("/usr/bin/worker\0--queue\0queue-{pid}\0--verbose\0");
        fs::write(folder.join("cmdline"), line).unwrap();
        let unit = pid % 50;
        fs::write(folder.join("cgroup"), format!("0::/system.slice/w-{unit}.service\n")).unwrap();
        fs::write(folder.join("statm"), "90000 1234 500 100 0 2000 0\n").unwrap();
        std::os::unix::fs::symlink(format!("/usr/bin/worker-{}", pid % 97), folder.join("exe"))
            .unwrap();
    }
}

fn cgroups(root: &Path, count: usize) {
    let slice = root.join("fs/cgroup/system.slice");
    for place in 0..count {
        let folder = slice.join(format!("unit-{place}.service"));
        fs::create_dir_all(&folder).unwrap();
        let write = |file: &str, text: &str| fs::write(folder.join(file), text).unwrap();
        write("memory.current", "123456789\n");
        write("memory.max", "1073741824\n");
        write("memory.high", "max\n");
        write("memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n");
        let averages = "avg10=0.00 avg60=0.00 avg300=0.00";
        write("memory.pressure", &format!("some {averages} total=1\nfull {averages} total=1\n"));
        let lines = (0..60).map(|line| format!("some_counter_{line} {}\n", line * 4_096));
        write("memory.stat", &(lines.collect::<String>() + "inactive_file 1234567\n"));
    }
    fs::write(root.join("fs/cgroup/cgroup.controllers"), "memory\n").unwrap();
}

fn settings(root: &Path, max_series: usize) -> Settings {
    Settings {
        proc_root: root.join("proc"),
        sys_root: root.to_owned(),
        period: Duration::from_secs(60),
        form: Form::Values,
        cgroups: Vec::new(),
        processes: Vec::new(),
        signals: Signal::ALL.into(),
        max_series,
    }
}

fn selectors() -> Vec<(String, Selector)> {
    let glob = Glob::new;
    vec![
        ("name".into(), Selector::Name(glob("worker-1*"))),
        ("exe".into(), Selector::Exe(glob("/usr/bin/worker-7"))),
        ("cmdline".into(), Selector::CommandLine(glob("*worker --queue queue-*7 *"))),
        ("unit".into(), Selector::Unit(glob("w-3.service"))),
    ]
}

fn report(what: &str, settings: Settings) {
    let now = Clock::System.now();
    let mut scanner = Scanner::new(settings.clone());
    let took = median(|| {
        black_box(scanner.scan(now));
    });
    let (most, _, reading) = memory(|| scanner.scan(now));
    let (at_close, left) = period(&settings, reading);
    println!(
        "{what:<44} {:>7.2} ms, {:>4} KiB while it reads, {:>4} KiB in a period, {:>3} KiB after it",
        took.as_secs_f64() * 1e3,
        most / 1024,
        at_close / 1024,
        left / 1024,
    );
}

/// Six readings folded, and the figures of a period, the second one after the start.
fn period(settings: &Settings, reading: Reading) -> (usize, usize) {
    let mut gathering = Gathering::new(settings);
    let mut reading = reading;
    let mut once = |minute: u64| {
        for piece in 0..6 {
            let second = minute * 60 + piece * 10 + 5;
            let wall = Timestamp(i64::try_from(second * 1_000).unwrap());
            reading.taken = Moment { wall, boot: Boottime(second * 1_000_000) };
            gathering.record(&reading, HostValues::default(), Tenths(100));
        }
        let start = Timestamp(i64::try_from(minute * 60_000).unwrap());
        black_box(gathering.close(start, End::Period));
    };
    let (most, left, ()) = memory(|| once(0));
    let (again, _, ()) = memory(|| once(1));
    (most.max(left + again), left)
}

fn main() {
    let memory_file_system = Path::new("/dev/shm");
    let root = if memory_file_system.is_dir() {
        tempfile::tempdir_in(memory_file_system).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    };
    let root = root.path();
    processes(root, 10_000);
    cgroups(root, 500);
    for selector in selectors() {
        let what = format!("10,000 processes, by {}", selector.0);
        report(&what, Settings { processes: vec![selector], ..settings(root, 50) });
    }
    let all = Settings { processes: selectors(), ..settings(root, 50) };
    report("10,000 processes, by all of these", all);
    let patterns = vec![Pattern::new("system.slice/*.service").unwrap()];
    let groups = |max| Settings { cgroups: patterns.clone(), ..settings(root, max) };
    report("500 cgroups, of which 50 have room", groups(50));
    report("500 cgroups, all of them", groups(2_000));
    let real: Vec<Selector> = selectors().into_iter().map(|(_, selector)| selector).collect();
    let count = scan(Path::new("/proc"), &[Selector::Name(Glob::new("*"))]).unwrap();
    let count = count.selected[0].count;
    let took = median(|| {
        black_box(scan(Path::new("/proc"), &real).unwrap());
    });
    let each = took.as_secs_f64() * 1e6 / count as f64;
    println!("this machine's own {count} processes, by all four: {each:.1} µs each");
}
