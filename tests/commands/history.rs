//! What was recorded, shown: live and copied files, what isn't one, what isn't in it.

use crate::LOCAL;
use crate::support::agent::{Output, Setup};
use cwmem::black_box::format::{self, Entry, Reason};
use cwmem::clock::{Boottime, Moment, Timestamp};
use cwmem::column::columns;
use cwmem::metric::NATIVE;
use cwmem::recorder::header::Heading;
use cwmem::recorder::layout::{Ring, create};
use cwmem::sample::Sample;
use cwmem::source::meminfo::MemInfo;
use cwmem::source::pressure::Pressure;
use cwmem::source::process::{Name, Process};
use cwmem::source::vmstat::VmStat;
use cwmem::units::{Bytes, Tenths};
use std::fs;
use std::ops::Range;
use std::path::Path;

/// 2026-11-23T14:00:00Z.
const START: i64 = 1_795_442_400;

/// A ring of these seconds after 14:00: 40 % used, but 97 % from 14:05:20 to 14:05:31.
fn ring(path: &Path, boot_id: &str, seconds: Range<i64>) {
    let owner = "i-0123456789abcdef0 machine-id:0123456789abcdef0123456789abcdef".to_owned();
    let boot_id = boot_id.to_owned();
    let heading = Heading { owner, boot_id, columns: columns(&NATIVE[..4], &[]), capacity: 600 };
    let mut ring = Ring::open(create(&heading).unwrap(), &[]).unwrap();
    for second in seconds {
        let boot = Boottime(second.unsigned_abs() * 1_000_000 + 1);
        let wall = Timestamp((START + second) * 1_000);
        let mut sample = Sample::new(Moment { wall, boot }, 0);
        sample.sequence = second.unsigned_abs() + 1;
        sample.covered = Tenths(10);
        let available = if (320..332).contains(&second) { 30 } else { 600 };
        let available = Some(Bytes(available));
        sample.meminfo = Some(MemInfo { total: Bytes(1_000), available, ..MemInfo::default() });
        sample.pressure = Some(Pressure { some: 0, full: None });
        sample.vmstat = Some(VmStat { oom_kill: Some(0), ..VmStat::default() });
        ring.append(&sample);
    }
    fs::write(path, ring.bytes()).unwrap();
}

/// One look at the processes, at 14:05:22.
fn processes(path: &Path) {
    let heading = format::Heading { owner: "i-0123456789abcdef0".into(), boot_id: "b".into() };
    let entry = Entry {
        sequence: 1,
        taken: Moment { wall: Timestamp((START + 322) * 1_000), boot: Boottime(0) },
        reason: Reason::Pressure,
        processes: vec![Process {
            pid: 4_711,
            name: Name::new(b"\x1b[2Jjava"),
            resident: Bytes(11 << 30),
            swap: Some(Bytes(0)),
        }],
    };
    let mut bytes = format::header(&heading).to_vec();
    bytes.resize(format::offset(1) as usize, 0);
    bytes.extend(format::entry(&entry));
    fs::write(path, bytes).unwrap();
}

fn history(folder: &Path, arguments: &[&str]) -> Output {
    let mut all = vec!["history", "--file", folder.to_str().unwrap()];
    all.extend(arguments);
    Setup::new(LOCAL).variable("LANG", "C.UTF-8").arguments(&all).output()
}

/// A host's folder: ten minutes, and the looks at its processes.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    ring(&folder.path().join("ring"), "b", 0..600);
    processes(&folder.path().join("processes"));
    folder
}

#[test]
fn a_spike_that_a_reading_a_minute_misses_is_shown() {
    let folder = folder();
    let output = history(folder.path(), &[]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    for text in [
        "Memory of i-0123456789abcdef0, 2026-11-23 14:00:00 to 14:09:59 UTC\n",
        "▒",
        "14:05:20    97.0      0.0      0  \u{fffd}[2Jjava  4711  11.0 GiB  0\n",
        "Highest: 97.0 % used at 14:05:20.\n",
        "would have shown at most 40.0 %.\n",
        "Observed: 600 of 600 seconds.\n",
    ] {
        assert!(output.stdout.contains(text), "{text:?} in {}", output.stdout);
    }
    let ascii = Setup::new(LOCAL)
        .variable("LC_ALL", "C")
        .variable("COLUMNS", "60")
        .arguments(&["history", "--file", folder.path().join("ring").to_str().unwrap()])
        .output();
    assert!(ascii.stdout.is_ascii() && ascii.stdout.contains("97.0"), "{ascii:?}");
    let chart = ascii.stdout.lines().filter(|line| line.contains('#'));
    assert!(chart.map(str::len).all(|length| length <= 60), "{ascii:?}");
}

#[test]
fn the_time_asked_for_is_shown() {
    let folder = folder();
    let lines = |arguments: &[&str]| {
        let output = history(folder.path(), arguments);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        output.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let csv = lines(&["--csv", "--since", "1m"]);
    assert_eq!(csv.len(), 61);
    assert!(csv[0].starts_with("time,") && csv[1].starts_with("2026-11-23T14:09:00Z,40.000,"));
    let json = lines(&["--json", "--at", "14:05:21", "--since", "4s"]);
    let json: Vec<serde_json::Value> =
        json.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let times: Vec<_> = json.iter().map(|line| line["time"].as_str().unwrap()).collect();
    let expected = [19, 20, 21, 22, 22].map(|second| format!("2026-11-23T14:05:{second}Z"));
    assert_eq!(times, expected);
    assert_eq!(json[1]["used_percent_max"], 97.0);
    assert_eq!(json[3]["processes"][0]["name"], "\u{fffd}[2Jjava");
    let out = folder.path().join("out.svg");
    assert!(lines(&["--svg", out.to_str().unwrap(), "--at", "14:05"]).is_empty());
    let svg = fs::read_to_string(&out).unwrap();
    assert!(svg.starts_with("<svg ") && !svg.contains("<script"));
    assert_eq!(lines(&["--svg", "-", "--at", "14:05"]).join("\n") + "\n", svg);
}

#[test]
fn this_host_s_files_are_found_and_joined() {
    let (state, runtime) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    ring(&state.path().join("ring.before"), "a", 0..200);
    ring(&state.path().join("ring"), "b", 200..500);
    let count = || {
        let setup = Setup::new(LOCAL)
            .variable("STATE_DIRECTORY", state.path().to_str().unwrap())
            .variable("RUNTIME_DIRECTORY", runtime.path().to_str().unwrap());
        let output = setup.arguments(&["history", "--csv"]).output();
        (output.code, output.stdout.lines().count(), output.stderr)
    };
    assert_eq!(count(), (Some(0), 501, String::new()), "a reboot emptied the runtime directory");
    ring(&runtime.path().join("ring"), "b", 200..600);
    assert_eq!(count(), (Some(0), 601, String::new()), "the live ring and its copy");
    // A ring that had to begin anew: its copy has what it lacks.
    ring(&runtime.path().join("ring"), "b", 450..600);
    assert_eq!(count(), (Some(0), 601, String::new()));
    fs::write(state.path().join("ring.before"), "nonsense").unwrap();
    let (code, lines, complaint) = count();
    assert_eq!((code, lines), (Some(0), 401));
    assert!(complaint.contains("ring.before"), "{complaint}");
}

/// A ring of days before doesn't squeeze the newest into a corner.
#[test]
fn what_lies_far_back_is_named() {
    let folder = tempfile::tempdir().unwrap();
    ring(&folder.path().join("ring.before"), "a", 0..100);
    ring(&folder.path().join("ring"), "b", 200_000..200_100);
    let output = history(folder.path(), &[]);
    assert!(output.stdout.contains("2026-11-25 21:33:20 to 21:34:59 UTC"), "{output:?}");
    assert!(output.stdout.contains("more, from 2026-11-23T14:00:00Z on"), "{output:?}");
    assert_eq!(history(folder.path(), &["--csv"]).stdout.lines().count(), 201);
    let before = history(folder.path(), &["--at", "2026-11-23T14:01:00Z"]).stdout;
    assert!(before.contains("2026-11-23 14:00:00 to ") && !before.contains("There is more"));
}

#[test]
fn what_cannot_be_shown_is_said() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("text"), "[metrics]\n").unwrap();
    fs::create_dir(path("empty")).unwrap();
    ring(&path("nothing"), "b", 0..0);
    let check = |place: &str, arguments: &[&str], code, text: &str| {
        let output = history(&path(place), arguments);
        assert_eq!((output.code, output.stdout.as_str()), (Some(code), ""), "{output:?}");
        assert!(output.stderr.contains(text), "{place}: {output:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    };
    check("absent", &[], 65, "absent");
    check("text", &[], 65, "expected a ring of cwmem's flight recorder");
    check("processes", &[], 65, "expected a ring of cwmem's flight recorder");
    check("empty", &[], 65, "there is no recording in ");
    check("nothing", &[], 1, "nothing is recorded yet");
    let extent = "the recording is of 2026-11-23 14:00:00 to 14:09:59 UTC";
    check("ring", &["--at", "2026-11-23T15:00:00Z"], 1, extent);
    check("ring", &["--svg", "/nonexistent/out.svg"], 69, "cannot write /nonexistent/out.svg");
    for arguments in [&["--since", "soon"][..], &["--at", "25:00"], &["--json", "--csv"]] {
        let output = history(&path("ring"), arguments);
        assert_eq!((output.code, output.stdout.as_str()), (Some(64), ""), "{output:?}");
    }
}
