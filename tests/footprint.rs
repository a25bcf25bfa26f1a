//! What the release binary costs the host at its defaults, over TLS: memory, threads, descriptors,
//! wake-ups, CPU time and allocations, for a minute; `make footprint` takes ten.
//!
//! The bounds are twice what docs/footprint.md shows, so that a slower machine passes and a leak
//! or a busy loop doesn't.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test runs in real time and may stop where it cannot go on"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::agent::{Agent, Setup};
use support::cloudwatch::Double;
use tempfile::TempDir;

/// Figures of /proc/PID, as the kernel gives them.
#[derive(Debug, Clone, Copy)]
struct Figures {
    resident_kib: u64,
    anonymous_kib: u64,
    threads: u64,
    descriptors: usize,
    wake_ups: u64,
    cpu_ticks: u64,
    allocations: u64,
}

fn figures(agent: &Agent, counter: &Path) -> Figures {
    let process = PathBuf::from(format!("/proc/{}", agent.id()));
    let status = fs::read_to_string(process.join("status")).unwrap();
    let field = |text: &str, name: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    // Of the main thread: others come for a name's look-up and take their counts along.
    let main = process.join("task").join(agent.id().to_string());
    let wake_ups =
        field(&fs::read_to_string(main.join("status")).unwrap(), "voluntary_ctxt_switches:");
    let stat = fs::read_to_string(process.join("stat")).unwrap();
    // utime and stime, the 14th and 15th field (proc_pid_stat(5)); the name before may have blanks.
    let after_name: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |field: usize| after_name[field - 3].parse::<u64>().unwrap();
    let counted = fs::read(counter).unwrap();
    Figures {
        resident_kib: field(&status, "VmRSS:"),
        anonymous_kib: field(&status, "RssAnon:"),
        threads: field(&status, "Threads:"),
        descriptors: fs::read_dir(process.join("fd")).unwrap().count(),
        wake_ups,
        cpu_ticks: ticks(14) + ticks(15),
        allocations: u64::from_ne_bytes(counted[..8].try_into().unwrap()),
    }
}

fn release_binary() -> PathBuf {
    let debug = Path::new(env!("CARGO_BIN_EXE_cwmem"));
    let binary = debug.parent().and_then(Path::parent).unwrap().join("release/cwmem");
    assert!(binary.exists(), "{} is missing: `make test` builds it", binary.display());
    binary
}

/// Compiles the allocation counter.
fn counting_library(folder: &Path) -> PathBuf {
    let library = folder.join("count_malloc.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/count_malloc.c");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(&source);
    assert!(compiler.status().unwrap().success());
    library
}

/// On tmpfs, as /run is: the ring is written each second.
fn memory_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn start(double: &Double, folder: &Path, runtime: &Path) -> (Agent, PathBuf) {
    let ca = folder.join("ca.pem");
    let counter = folder.join("allocations");
    fs::write(&ca, double.ca_pem()).unwrap();
    fs::write(&counter, [0; 8]).unwrap();
    let config = format!(
        "[cloudwatch]\nendpoint_url = {:?}\nca_bundle = {:?}\n[identity]\ninstance_id = \"i-0123456789abcdef0\"\nimds = false\n",
        double.url(),
        ca,
    );
    let library = counting_library(folder);
    let setup = Setup::of(&release_binary(), &config)
        .variable("RUNTIME_DIRECTORY", runtime.to_str().unwrap())
        .variable("LD_PRELOAD", library.to_str().unwrap())
        .variable("COUNT_MALLOC", counter.to_str().unwrap());
    (setup.start(), counter)
}

#[test]
fn a_minute_at_the_defaults_is_cheap() {
    let minutes: u64 = std::env::var("CWMEM_FOOTPRINT").map_or(60, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let double = Double::builder().tls(true).start().unwrap();
    let runtime = memory_folder();
    let (agent, counter) = start(&double, folder.path(), runtime.path());
    double.wait_for(Duration::from_secs(15), |seen| !seen.accepted.is_empty()).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let before = figures(&agent, &counter);
    let mut seconds: BTreeMap<u64, u64> = BTreeMap::new();
    let mut last = before;
    for _ in 0..minutes {
        std::thread::sleep(Duration::from_secs(1));
        let now = figures(&agent, &counter);
        *seconds.entry(now.allocations - last.allocations).or_default() += 1;
        last = now;
    }
    let span = minutes as f64;
    let wake_ups = (last.wake_ups - before.wake_ups) as f64 / span;
    // A tick is a hundredth of a second (sysconf(3), _SC_CLK_TCK).
    let cpu = (last.cpu_ticks - before.cpu_ticks) as f64 / 100.0 * 3_600.0 / span;
    let quiet = seconds.get(&0).copied().unwrap_or(0);
    let binary = fs::read(release_binary()).unwrap();
    // What tests may ask of a debug build (src/rehearsal.rs) isn't there to be asked for.
    let switch = b"CWMEM_TEST_";
    assert!(!binary.windows(switch.len()).any(|part| part == switch));
    let size = binary.len();
    println!(
        "over {minutes} s: resident {} KiB, anonymous {} KiB, threads {}, descriptors {}, \
         {wake_ups:.2} voluntary context switches a second, {cpu:.2} CPU seconds an hour, \
         {quiet} of {minutes} seconds without an allocation, binary {size} bytes",
        last.resident_kib, last.anonymous_kib, last.threads, last.descriptors,
    );
    assert!(last.resident_kib <= 2 * 8 * 1_024, "{last:?}");
    assert!(last.anonymous_kib <= 2 * 1_536, "{last:?}");
    assert!(last.anonymous_kib <= before.anonymous_kib + 512, "it grows: {before:?} {last:?}");
    assert!(last.threads <= 3, "two, and one for DNS: {last:?}");
    assert!(last.descriptors <= before.descriptors + 1, "{before:?} {last:?}");
    assert!(wake_ups <= 3.0, "{wake_ups} wake-ups a second");
    assert!(cpu <= 1.0 + 36.0 / span, "{cpu} CPU seconds an hour, to a tick");
    // All but the seconds in which a period is closed or sent allocate nothing.
    assert!(quiet * 10 >= minutes * 8, "{seconds:?}");
    assert!(size <= 6 * 1_024 * 1_024, "{size}");
}
