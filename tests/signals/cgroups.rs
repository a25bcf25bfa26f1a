//! Cgroups: of a tree that the test writes, and real ones where this machine lets us make them.

use crate::support::agent::Setup;
use crate::support::cloudwatch::Double;
use crate::{EACH_SECOND, PATIENCE, SECOND, last, periods, sum};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use tempfile::TempDir;

const SLICE: &str = "fs/cgroup/system.slice";

fn write(root: &TempDir, group: &str, file: &str, content: &str) {
    let folder = root.path().join(SLICE).join(group);
    fs::create_dir_all(&folder).unwrap();
    // As the kernel does: what is read is the old or the new, never a half.
    let part = root.path().join("part");
    fs::write(&part, content).unwrap();
    fs::rename(part, folder.join(file)).unwrap();
}

fn group(root: &TempDir, group: &str, current: u64) {
    write(root, group, "memory.max", "1000\n");
    write(root, group, "memory.stat", "inactive_file 100\n");
    write(root, group, "memory.events", "oom_kill 5\n");
    write(root, group, "memory.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
    write(root, group, "memory.current", &format!("{current}\n"));
}

fn tree() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join(SLICE)).unwrap();
    fs::write(root.path().join("fs/cgroup/cgroup.controllers"), "memory\n").unwrap();
    root
}

fn config(root: &TempDir, more: &str) -> String {
    format!(
        "{EACH_SECOND}sample.sys_root = {:?}\ncgroups.paths = [\"system.slice/*.service\"]\n{more}",
        root.path()
    )
}

fn named(name: &str) -> String {
    format!("system.slice/{name}.service")
}

#[test]
fn groups_come_are_killed_in_and_go() {
    let root = tree();
    group(&root, "a.service", 350);
    let double = Double::start();
    let mut agent = Setup::publishing(&double.url(), &config(&root, "")).start();
    let (a, b) = (named("a"), named("b"));
    let (a, b) = (("Cgroup", a.as_str()), ("Cgroup", b.as_str()));
    let percent = "CgroupUsedPercent";
    double.wait_for(PATIENCE, |seen| last(seen, percent, a) == Some(25.0)).unwrap();
    // Zeros of sparse metrics aren't sent, nor kills from before the agent's time.
    assert!(double.seen().datums().all(|datum| datum.name != "CgroupOomKills"));
    write(&root, "a.service", "memory.events", "oom_kill 7\n");
    group(&root, "b.service", 1_000);
    double
        .wait_for(PATIENCE, |seen| {
            // All five of the new group are new.
            let kills = |scope| sum(seen, "CgroupOomKills", scope);
            kills(a) == 2.0 && kills(b) == 5.0 && last(seen, percent, b) == Some(90.0)
        })
        .unwrap();
    write(&root, "a.service", "memory.current", "600\n");
    double.wait_for(PATIENCE, |seen| last(seen, percent, a) == Some(50.0)).unwrap();
    fs::remove_dir_all(root.path().join(SLICE).join("b.service")).unwrap();
    let before = periods(&double.seen(), percent, a).len();
    double.wait_for(PATIENCE, |seen| periods(seen, percent, a).len() >= before + 5).unwrap();
    let gone = periods(&double.seen(), percent, b).len();
    let before = periods(&double.seen(), percent, a).len();
    double.wait_for(PATIENCE, |seen| periods(seen, percent, a).len() >= before + 3).unwrap();
    assert_eq!(periods(&double.seen(), percent, b).len(), gone);
    agent.signal("TERM");
    assert!(agent.wait(SECOND * 10).0.success(), "{}", agent.said());
    assert!(double.seen().refused.is_empty());
    // A kill in a real group, by another of these tests, is the host's too.
    let known = agent.count_lines("the host is under memory pressure");
    let said = agent.count_lines("WARN") + agent.count_lines("ERROR");
    assert_eq!(said, known, "{}", agent.said());
}

#[test]
fn what_has_no_room_is_counted_and_said_once() {
    let root = tree();
    for name in ["a.service", "b.service", "c.service", "d.service"] {
        group(&root, name, 350);
    }
    let double = Double::start();
    let more = "metrics.max_series = 2\ncgroups.metrics = [\"CgroupUsedPercent\"]\n";
    let agent = Setup::publishing(&double.url(), &config(&root, more)).start();
    let cause = ("Cause", "max_series");
    double.wait_for(PATIENCE, |seen| sum(seen, "AgentDropped", cause) >= 6.0).unwrap();
    let seen = double.seen();
    let mut groups: Vec<&str> =
        seen.datums().filter_map(|datum| datum.dimension("Cgroup")).collect();
    groups.sort_unstable();
    groups.dedup();
    assert_eq!(groups, [named("a"), named("b")]);
    assert_eq!(agent.count_lines("metrics.max_series"), 1, "{}", agent.said());
}

#[test]
fn without_cgroups_the_host_is_published_and_it_is_said() {
    let root = tempfile::tempdir().unwrap();
    let double = Double::start();
    let agent = Setup::publishing(&double.url(), &config(&root, "")).start();
    double.wait_for(PATIENCE, |seen| seen.accepted.len() >= 3).unwrap();
    agent.wait_for_line("no memory cgroups: neither ", PATIENCE);
    assert_eq!(agent.count_lines("no memory cgroups"), 1, "{}", agent.said());
}

#[test]
fn once_shows_them_and_check_finds_what_lacks() {
    let root = tree();
    group(&root, "a.service", 350);
    let local = format!("identity.ec2 = false\nidentity.host = \"test\"\n{}", config(&root, ""));
    let output = Setup::new(&local).arguments(&["once", "--dry-run", "--json"]).output();
    assert!(
        output.stdout.contains(
            r#"{"Name":"Host","Value":"test"},{"Name":"Cgroup","Value":"system.slice/a.service"}"#
        ),
        "{output:?}"
    );
    let check = |config: &str| Setup::new(config).arguments(&["check", "--offline"]).output();
    let output = check(&local);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("version 2, 1 match cgroups.paths"), "{output:?}");
    fs::remove_file(root.path().join(SLICE).join("a.service/memory.max")).unwrap();
    assert!(check(&local).stdout.contains("1 have no limit"), "{output:?}");
    group(&root, "b.service", 350);
    let output = check(&format!("{local}metrics.max_series = 1\n"));
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stdout.contains("1 more than metrics.max_series has room for"), "{output:?}");
    let output = check(&local.replace("*.service", "x"));
    assert!(output.stdout.contains("no cgroup system.slice/x now"), "{output:?}");
}

/// A real memory cgroup, removed at the end with the processes in it.
struct Real {
    folder: PathBuf,
    name: String,
    children: Vec<Child>,
}

impl Real {
    /// `None`, and it is said, where this machine doesn't let us make one.
    fn make(limit: u64) -> Option<Real> {
        let root = Path::new("/sys/fs/cgroup");
        let two = root.join("cgroup.controllers").exists();
        let root = if two { root.to_owned() } else { root.join("memory") };
        let name = format!("cwmem-test-{}", std::process::id());
        let folder = root.join(&name);
        let file = if two { "memory.max" } else { "memory.limit_in_bytes" };
        let made =
            fs::create_dir(&folder).and_then(|()| fs::write(folder.join(file), limit.to_string()));
        if let Err(error) = made {
            let _ = fs::remove_dir(&folder);
            eprintln!(
                "NOT RUN: a memory cgroup with a limit can't be made here ({error}): run as root where {root:?} has the memory controller"
            );
            return None;
        }
        Some(Real { folder, name, children: Vec::new() })
    }

    /// Runs the shell's `script` in the group.
    fn run(&mut self, script: &str) {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("echo $$ > {:?}/cgroup.procs && {script}", self.folder));
        self.children.push(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        // Only what was put into this group is in it.
        for pid in fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default().lines()
        {
            let _ = Command::new("sh").args(["-c", "kill -9 \"$1\"", "sh", pid]).status();
        }
        for child in &mut self.children {
            let _ = child.wait();
        }
        let end = Instant::now() + PATIENCE;
        while fs::remove_dir(&self.folder).is_err() && Instant::now() < end {
            std::thread::sleep(SECOND / 20);
        }
    }
}

#[test]
fn a_real_group_fills_and_the_kernel_kills_in_it() {
    const LIMIT: u64 = 64 << 20;
    let Some(mut real) = Real::make(LIMIT) else { return };
    let double = Double::start();
    let config = format!("{EACH_SECOND}cgroups.paths = [\"{}\"]\n", real.name);
    let _agent = Setup::publishing(&double.url(), &config).start();
    let name = real.name.clone();
    let scope = ("Cgroup", name.as_str());
    let percent = "CgroupUsedPercent";
    double.wait_for(PATIENCE, |seen| last(seen, percent, scope).is_some()).unwrap();
    // A line without an end: tail keeps 30 MB of it.
    real.run("(head -c 30000000 /dev/zero; sleep 1000) | tail -n 1");
    let share = 100.0 * 30e6 / LIMIT as f64;
    let filled = |percent: Option<f64>| {
        percent.is_some_and(|percent| (share..share + 25.0).contains(&percent))
    };
    let seen = double.wait_for(PATIENCE, |seen| filled(last(seen, percent, scope)));
    assert!(seen.is_ok(), "{:?}", periods(&double.seen(), percent, scope));
    real.run("head -c 200000000 /dev/zero | tail -n 1");
    let killed = double.wait_for(PATIENCE, |seen| sum(seen, "CgroupOomKills", scope) >= 1.0);
    assert!(killed.is_ok(), "no kill was told");
}
