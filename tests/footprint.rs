//! What the release binary costs the host at its defaults, over TLS: memory, threads, descriptors,
//! wake-ups, CPU time and allocations, for a minute; `make footprint` takes ten.
//!
//! The bounds are twice what docs/footprint.md shows, so that a slower machine passes and a leak
//! or a busy loop doesn't. CPU time has no bound of its own, as waking up costs ten times as much on one
//! machine as on another: it is compared with a loop that only sleeps and reads, at the same time.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test runs in real time and may stop where it cannot go on"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
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
    cpu_nanoseconds: u64,
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
    let counted = fs::read(counter).unwrap();
    Figures {
        resident_kib: field(&status, "VmRSS:"),
        anonymous_kib: field(&status, "RssAnon:"),
        threads: field(&status, "Threads:"),
        descriptors: fs::read_dir(process.join("fd")).unwrap().count(),
        wake_ups,
        cpu_nanoseconds: on_cpu(agent.id()),
        allocations: u64::from_ne_bytes(counted[..8].try_into().unwrap()),
    }
}

/// How long a process's threads ran, in nanoseconds, by the scheduler itself: utime and stime of
/// /proc/PID/stat are in hundredths of a second, of which a minute has three. A thread that was gone when it
/// was to be read did next to nothing.
fn on_cpu(id: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let ran = |thread: PathBuf| -> Option<u64> {
        fs::read_to_string(thread.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    threads.filter_map(|thread| ran(thread.unwrap().path())).sum()
}

fn release_binary() -> PathBuf {
    let debug = Path::new(env!("CARGO_BIN_EXE_cwmem"));
    let binary = debug.parent().and_then(Path::parent).unwrap().join("release/cwmem");
    assert!(binary.exists(), "{} is missing: `make test` builds it", binary.display());
    binary
}

/// Compiles what stands in `tests/support` in C.
fn compiled(name: &str, options: &[&str], folder: &Path) -> PathBuf {
    let out = folder.join(name);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(name);
    let mut compiler = Command::new("cc");
    compiler.args(options).args(["-O2", "-o"]).arg(&out).arg(source.with_extension("c"));
    assert!(compiler.status().unwrap().success());
    out
}

/// The loop that the agent's CPU time is compared with.
struct BareLoop(Child);

impl BareLoop {
    fn start(folder: &Path) -> BareLoop {
        BareLoop(Command::new(compiled("bare_loop", &[], folder)).spawn().unwrap())
    }

    fn on_cpu(&mut self) -> u64 {
        assert_eq!(self.0.try_wait().unwrap(), None, "it ended");
        on_cpu(self.0.id())
    }
}

impl Drop for BareLoop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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
    let library = compiled("count_malloc", &["-shared", "-fPIC"], folder);
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
    let mut bare = BareLoop::start(folder.path());
    std::thread::sleep(Duration::from_secs(1));
    let before = figures(&agent, &counter);
    let bare_before = bare.on_cpu();
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
    let an_hour = |nanoseconds: u64| nanoseconds as f64 / 1e9 * 3_600.0 / span;
    let cpu = an_hour(last.cpu_nanoseconds.saturating_sub(before.cpu_nanoseconds));
    let bare_cpu = an_hour(bare.on_cpu() - bare_before);
    let quiet = seconds.get(&0).copied().unwrap_or(0);
    let binary = fs::read(release_binary()).unwrap();
    // What tests may ask of a debug build (src/rehearsal.rs) isn't there to be asked for.
    let switch = b"CWMEM_TEST_";
    assert!(!binary.windows(switch.len()).any(|part| part == switch));
    let size = binary.len();
    println!(
        "over {minutes} s: resident {} KiB, anonymous {} KiB, threads {}, descriptors {}, \
         {wake_ups:.2} voluntary context switches a second, {cpu:.2} CPU seconds an hour \
         beside {bare_cpu:.2} of the bare loop, \
         {quiet} of {minutes} seconds without an allocation, binary {size} bytes",
        last.resident_kib, last.anonymous_kib, last.threads, last.descriptors,
    );
    assert!(last.resident_kib <= 2 * 8 * 1_024, "{last:?}");
    assert!(last.anonymous_kib <= 2 * 1_536, "{last:?}");
    assert!(last.anonymous_kib <= before.anonymous_kib + 512, "it grows: {before:?} {last:?}");
    assert!(last.threads <= 3, "two, and one for DNS: {last:?}");
    assert!(last.descriptors <= before.descriptors + 1, "{before:?} {last:?}");
    assert!(wake_ups <= 3.0, "{wake_ups} wake-ups a second");
    assert!(bare_cpu > 0.0, "the bare loop didn't run");
    // Twice what was seen, two to four and a half times: the colder the caches, the more.
    assert!(cpu <= 9.0 * bare_cpu, "{cpu} CPU seconds an hour, {bare_cpu} of the bare loop");
    // All but the seconds in which a period is closed or sent allocate nothing.
    assert!(quiet * 10 >= minutes * 8, "{seconds:?}");
    assert!(size <= 6 * 1_024 * 1_024, "{size}");
}
