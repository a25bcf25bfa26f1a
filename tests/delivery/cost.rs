//! What keeping costs the disk.

use crate::mounts::{as_root, inside, on_ext4};
use crate::support::agent::{Agent, Setup};
use crate::support::cloudwatch::Double;
use crate::{EACH_SECOND, PATIENCE, SECOND, used};
use std::fs;

/// A part's file and its folder: two flushes a period, and one at the least.
#[test]
fn a_period_costs_two_flushes() {
    let double = Double::start();
    let setup = Setup::publishing(&double.url(), EACH_SECOND);
    let trace = setup.folder().join("trace");
    // -D: the agent stays this process's child.
    let strace = ["strace", "-D", "-f", "-qq", "-e", "trace=fsync,fdatasync,syncfs,sync", "-o"];
    let setup = setup.behind(&[&strace[..], &[trace.to_str().unwrap()]].concat());
    let mut agent = setup.start();
    double
        .wait_for(PATIENCE, |seen| seen.accepted.len() >= 8)
        .unwrap_or_else(|error| panic!("{error}{}", agent.said()));
    agent.signal("TERM");
    assert!(agent.wait(PATIENCE).0.success(), "{}", agent.said());
    // The tracer writes the rest when its tracee has ended.
    std::thread::sleep(SECOND / 2);
    let traced = fs::read_to_string(&trace).unwrap();
    let flushes = traced.lines().filter(|line| line.contains("sync") && line.contains('(')).count();
    // Two of them may leave in one request.
    let seen = double.seen();
    let parts = seen.datums().filter(|datum| datum.name == used().metric).count();
    println!("{flushes} flushes in {parts} parts");
    assert!(flushes <= 2 * parts && flushes >= parts, "{parts} parts:\n{traced}");
}

/// Periods of six seconds with sixty samples, as many as a minute has at the defaults: what they
/// write to a disk of their own, journal and all.
#[test]
fn little_is_written() {
    as_root("cost::little_is_written", || {
        let double = Double::start();
        let config = "publish.period = \"6s\"\npublish.every = \"6s\"\nsample.interval = \"100ms\"\n\
             recorder.duration = \"10m\"\n";
        let setup = on_ext4(Setup::publishing(&double.url(), config));
        let (state, agent) = (setup.state().display().to_string(), setup.start());
        let written_after = |requests: usize| {
            double
                .wait_for(PATIENCE, |seen| seen.accepted.len() >= requests)
                .unwrap_or_else(|error| panic!("{error}{}", agent.said()));
            // What follows an answer is written too.
            std::thread::sleep(SECOND);
            inside(&agent, &format!("sync -f {state}"));
            [by_calls(&agent), to_the_device(&agent, &state)]
        };
        // The first point is a part of its own, and the first copy of the recorder a whole one.
        let before = written_after(3);
        let after = written_after(3 + PERIODS);
        let a_day = [0, 1]
            .map(|place| (after[place] - before[place]) as f64 / PERIODS as f64 * 1_440.0 / 1e6);
        println!(
            "a day of 1,440 periods: {:.1} MB by write(2), {:.1} MB to the device",
            a_day[0], a_day[1]
        );
        assert!(a_day[0] <= 25.0 && a_day[1] <= 200.0, "{before:?} {after:?}");
    });
}

/// proc_pid_io(5), wchar.
fn by_calls(agent: &Agent) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/io", agent.id())).unwrap();
    let line = text.lines().find(|line| line.starts_with("wchar:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Sectors of 512 bytes (the kernel's Documentation/block/stat.rst, the seventh field).
fn to_the_device(agent: &Agent, state: &str) -> u64 {
    let device = inside(agent, &format!("findmnt -n -o SOURCE {state}"));
    let device = device.trim().trim_start_matches("/dev/");
    let text = fs::read_to_string(format!("/sys/block/{device}/stat")).unwrap();
    512 * text.split_whitespace().nth(6).unwrap().parse::<u64>().unwrap()
}

const PERIODS: usize = 4;
