//! A state directory on a file system of its own, in a mount namespace that only the agent has: it
//! goes with the agent.

use crate::support::agent::{Agent, Setup};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

/// Runs the test's body where mounting is allowed. A user who isn't root plays the test again
/// through sudo; without that, it says that it didn't run.
pub fn as_root(test: &str, body: impl FnOnce()) {
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        return body();
    }
    let mut again = Command::new("sudo");
    again.args(["-n", "-E"]).arg(std::env::current_exe().unwrap());
    again.args(["--exact", test, "--nocapture"]);
    let may = Command::new("sudo").args(["-n", "true"]).status();
    if may.is_ok_and(|status| status.success()) {
        assert!(again.status().unwrap().success(), "{test}, as root");
    } else {
        eprintln!(
            "NOT RUN: {test} mounts file systems, which needs root or sudo without a password"
        );
    }
}

/// One that holds a mebibyte.
pub fn on_tmpfs(setup: Setup) -> Setup {
    let state = setup.state();
    let state = state.display();
    mounted(setup.state(), setup, &format!("mount -t tmpfs -o size=1m,mode=700 tmpfs {state}"))
}

/// One on an ext4 image.
pub fn on_ext4(setup: Setup) -> Setup {
    let (state, image) = (setup.state(), setup.folder().join("image"));
    let (shown, image) = (state.display(), image.display());
    let make = format!("truncate -s 16M {image} && /usr/sbin/mkfs.ext4 -q -F {image}");
    mounted(state.clone(), setup, &format!("{make} && mount -o loop {image} {shown}"))
}

fn mounted(state: impl AsRef<Path>, setup: Setup, mount: &str) -> Setup {
    std::fs::create_dir_all(state).unwrap();
    let script = format!("{mount} && exec \"$@\"");
    setup.behind(&["unshare", "--mount", "sh", "-c", &script, "sh"])
}

/// Runs a shell's line in the agent's namespace; gives what it printed.
pub fn inside(agent: &Agent, line: &str) -> String {
    let id = agent.id().to_string();
    let mut command = Command::new("nsenter");
    command.args(["--target", &id, "--mount", "sh", "-c", line]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{line}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// A state directory that doesn't answer; it does again when this is dropped.
pub struct Frozen<'a> {
    agent: &'a Agent,
    state: &'a Path,
}

impl<'a> Frozen<'a> {
    pub fn freeze(agent: &'a Agent, state: &'a Path) -> Frozen<'a> {
        inside(agent, &format!("/usr/sbin/fsfreeze -f {}", state.display()));
        Frozen { agent, state }
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        inside(self.agent, &format!("/usr/sbin/fsfreeze -u {}", self.state.display()));
    }
}
