//! The Chef cookbook, without a Chef: its own tests, and what it renders against the real binary and
//! a TOML reader that isn't ours.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may stop where it cannot go on"
)]

use serde_json::Value;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// With warnings, which are errors here.
fn ruby(arguments: &[&str]) -> Output {
    let mut ruby = Command::new("ruby");
    ruby.arg("-w").args(arguments).current_dir(COOKBOOK).env("LC_ALL", "C.UTF-8");
    ruby.env_remove("UPDATE_GOLDEN");
    let output = match ruby.output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("ruby is missing: `make test` installs it (tests/apt.txt)")
        }
        Err(error) => panic!("ruby: {error}"),
    };
    let clean = output.status.success() && output.stderr.is_empty();
    assert!(clean, "ruby {arguments:?}: {}", said(&output));
    output
}

fn find(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, ending, found);
        } else if path.to_str().unwrap().ends_with(ending) {
            found.push(path);
        }
    }
}

/// Relative to the cookbook.
fn files(ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    find(Path::new(COOKBOOK), ending, &mut found);
    found.sort();
    let relative = found.iter().map(|path| path.strip_prefix(COOKBOOK).unwrap().to_str().unwrap());
    relative.map(str::to_owned).collect()
}

#[test]
fn every_file_is_ruby_without_a_warning() {
    let files = files(".rb");
    assert!(files.len() > 20, "{files:?}");
    // One process for all: what `ruby -c` does, a file at a time.
    let compile = "ARGV.each { |file| RubyVM::InstructionSequence.compile_file(file) }";
    let mut arguments = vec!["-e", compile];
    arguments.extend(files.iter().map(String::as_str));
    ruby(&arguments);
    for file in &files {
        let text = fs::read_to_string(Path::new(COOKBOOK).join(file)).unwrap();
        assert!(text.starts_with("# frozen_string_literal: true\n\n"), "{file}");
    }
}

#[test]
fn its_own_tests_pass() {
    let tests = files("_test.rb");
    assert!(tests.len() >= 4, "{tests:?}");
    for test in tests {
        let said = said(&ruby(&[&test]));
        assert!(said.contains(", 0 failures, 0 errors, 0 skips"), "{test}: {said}");
        assert!(!said.contains("\n0 runs"), "{test}: {said}");
    }
}

/// What the cookbook renders, a JSON line a case.
fn rendered() -> String {
    String::from_utf8(ruby(&["test/unit/render.rb"]).stdout).unwrap()
}

#[test]
fn another_reader_reads_what_was_meant() {
    let lines = rendered();
    let mut reader = Command::new("python3")
        .arg("tests/cookbook/read_back.py")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    reader.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let count = lines.lines().count();
    assert!(count > 20, "{count}");
    assert_eq!(said(&output), format!("{count} read, 0 wrong\n"));
}

/// The command by which the cookbook verifies a file, on this binary, as on an EC2 host.
fn verify(command: &str, toml: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let firmware = folder.path().join("devices/virtual/dmi/id");
    fs::create_dir_all(&firmware).unwrap();
    fs::write(firmware.join("sys_vendor"), "Amazon EC2\n").unwrap();
    fs::write(firmware.join("board_asset_tag"), "i-0123456789abcdef0\n").unwrap();
    fs::create_dir_all(folder.path().join("fs/cgroup/system.slice/mysql.service")).unwrap();
    fs::write(folder.path().join("fs/cgroup/cgroup.controllers"), "memory\n").unwrap();
    let path = folder.path().join("cwmem.toml");
    fs::write(&path, toml).unwrap();
    let command = command.replace("%{path}", "\"$CONFIG\"");
    let arguments = command.strip_prefix("/usr/bin/cwmem ").unwrap();
    let output = Command::new("sh")
        .args(["-c", &format!("\"$CWMEM\" {arguments} --sys-root \"$SYS\"")])
        .env_clear()
        .env("CWMEM", env!("CARGO_BIN_EXE_cwmem"))
        .env("CONFIG", &path)
        .env("SYS", folder.path())
        .output()
        .unwrap();
    (output.status.code(), said(&output))
}

#[test]
fn the_binary_takes_what_is_right_and_refuses_what_is_wrong() {
    let (mut taken, mut refused) = (Vec::new(), 0);
    for line in rendered().lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let name = case["name"].as_str().unwrap();
        let Some(command) = case["verify"].as_str() else { continue };
        let toml = case["toml"].as_str().unwrap();
        let (code, said) = verify(command, toml);
        if let Some(refusal) = case["refusal"].as_str() {
            assert_eq!(code, Some(78), "{name}: {said}{toml}");
            assert!(said.contains(&format!(": {refusal}")), "{name}: {refusal}: {said}");
            refused += 1;
        } else {
            assert_eq!(code, Some(0), "{name}: {said}{toml}");
            taken.push(name.to_owned());
        }
    }
    assert_eq!(taken, ["amazon", "debian", "ubuntu", "awkward"]);
    assert!(refused >= 5, "{refused}");
}

/// The cookbook's lists of sections are those of the configuration.
#[test]
fn the_sections_are_those_that_there_are() {
    let print = "puts Cwmem::Settings::SECTIONS.join(' '), Cwmem::Settings::RESTART.join(' ')";
    let listed = said(&ruby(&["-r./libraries/settings.rb", "-e", print]));
    let shipped = fs::read_to_string("config/cwmem.toml").unwrap();
    let mut sections = Vec::new();
    let mut restart = Vec::new();
    for line in shipped.lines() {
        if let Some(name) = line.strip_prefix('[') {
            sections.push(name.trim_end_matches(']'));
        } else if line.starts_with("# ") && line.contains("needs a restart.") {
            restart.push(*sections.last().unwrap());
        }
    }
    restart.dedup();
    assert_eq!(listed, format!("{}\n{}\n", sections.join(" "), restart.join(" ")));
}

/// The versions that are shipped together.
#[test]
fn the_cookbook_has_the_agent_s_version() {
    let metadata = fs::read_to_string(Path::new(COOKBOOK).join("metadata.rb")).unwrap();
    let line = format!("version '{}'", env!("CARGO_PKG_VERSION"));
    assert!(metadata.lines().any(|found| found == line), "{line}");
}

const COOKBOOK: &str = "packaging/chef";
