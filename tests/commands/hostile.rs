//! Kernel files as no kernel writes them: an error that names file and line or an absent metric,
//! never a crash, never a wrong number.

use crate::support::agent::Output;
use crate::support::api::{check_lines, only_value};
use crate::{LOCAL, captures, dry_run, run};
use std::fs;
use std::os::unix::fs::symlink;

/// What becomes of it: the value of MemoryUsedPercent, or what standard error says beside the path.
enum Expected {
    Used(f64),
    Error(&'static str),
}

use Expected::{Error, Used};

fn check(name: &str, output: &Output, path: &str, expected: &Expected) {
    match expected {
        Used(percent) => {
            assert_eq!(output.code, Some(0), "{name}: {output:?}");
            let found = only_value(&check_lines(&output.stdout), "MemoryUsedPercent").unwrap();
            assert!((found - percent).abs() < 1e-9, "{name}: {found}");
        }
        Error(text) => {
            assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{name}: {output:?}");
            assert!(output.stderr.contains(path), "{name} doesn't name {path}: {output:?}");
            assert!(output.stderr.contains(text), "{name} doesn't say {text:?}: {output:?}");
            assert!(output.stderr.len() < 1_000, "{name}: {output:?}");
        }
    }
}

#[test]
fn meminfo() {
    let table: &[(&str, &[u8], Expected)] = &[
        ("empty", b"", Error("no line `MemTotal: <count> kB` among 0 lines")),
        ("one line break", b"\n", Error("line 1")),
        ("binary", b"\x7fELF\x02\x01\x01\0\0\0\0\xff\xfe\n", Error("line 1")),
        ("zeros", &[0; 5_000], Error("line 1")),
        ("html", b"<html>\n<body>\n", Error("line 1")),
        ("text before", b"hello\nMemTotal: 100 kB\nMemAvailable: 40 kB\n", Error("line 1")),
        ("text behind", b"MemTotal: 100 kB\nMemAvailable: 40 kB\n???\n", Error("line 3")),
        ("no end of line", b"MemTotal: 100 kB\nMemAvailable: 40 kB", Error("line 2")),
        ("no MemTotal", b"MemFree: 1 kB\nMemAvailable: 40 kB\n", Error("no line `MemTotal")),
        ("another unit", b"MemTotal: 100 MB\nMemAvailable: 40 MB\n", Error("line 1")),
        ("a count", b"MemTotal: 100\nMemAvailable: 40\n", Error("line 1")),
        ("negative", b"MemTotal: 100 kB\nMemAvailable: -40 kB\n", Error("line 2")),
        ("a fraction", b"MemTotal: 100.5 kB\nMemAvailable: 40 kB\n", Error("line 1")),
        ("65 bits", b"MemTotal: 18446744073709551616 kB\n", Error("line 1")),
        ("54 bits of kB", b"MemTotal: 18014398509481984 kB\n", Error("line 1")),
        ("twenty nines", b"MemTotal: 99999999999999999999 kB\n", Error("line 1")),
        (
            "MemTotal twice",
            b"MemTotal: 100 kB\nMemTotal: 100 kB\n",
            Error("line 2: MemTotal stands"),
        ),
        (
            "MemAvailable twice",
            b"MemTotal: 100 kB\nMemAvailable: 40 kB\nMemAvailable: 41 kB\n",
            Error("line 3: MemAvailable stands"),
        ),
        ("no memory", b"MemTotal: 0 kB\nMemAvailable: 0 kB\n", Error("nothing to publish")),
        ("no MemAvailable", b"MemTotal: 100 kB\nMemFree: 40 kB\n", Error("has no MemAvailable")),
        ("plain", b"MemTotal: 100 kB\nMemAvailable: 40 kB\n", Used(60.0)),
        ("CRLF", b"MemTotal: 100 kB\r\nMemAvailable: 40 kB\r\n", Used(60.0)),
        ("nothing available", b"MemTotal: 100 kB\nMemAvailable: 0 kB\n", Used(100.0)),
        ("more than all available", b"MemTotal: 100 kB\nMemAvailable: 400 kB\n", Used(0.0)),
        ("the largest host", b"MemTotal: 18014398509481983 kB\nMemAvailable: 0 kB\n", Used(100.0)),
        (
            "an unknown line twice",
            b"MemTotal: 100 kB\nNew: 1 kB\nNew: 1 kB\nMemAvailable: 40 kB\n",
            Used(60.0),
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meminfo");
    for (name, meminfo, expected) in table {
        let output = dry_run(folder.path(), meminfo, LOCAL);
        // What was read to its end needn't be named.
        let path = match expected {
            Error("nothing to publish" | "has no MemAvailable") => "meminfo",
            _ => path.to_str().unwrap(),
        };
        let path = if *name == "no memory" { "" } else { path };
        check(name, &output, path, expected);
    }
}

/// Cut anywhere: an error, or what the lines that are left say.
#[test]
fn captures_cut_short() {
    let folder = tempfile::tempdir().unwrap();
    for (name, meminfo) in captures() {
        let whole = dry_run(folder.path(), &meminfo, LOCAL);
        let used = only_value(&check_lines(&whole.stdout), "MemoryUsedPercent");
        for length in (0..meminfo.len()).step_by(97) {
            let output = dry_run(folder.path(), &meminfo[..length], LOCAL);
            let name = format!("{name} cut to {length}");
            match output.code {
                Some(0) => {
                    let found = only_value(&check_lines(&output.stdout), "MemoryUsedPercent");
                    assert_eq!(found, used, "{name}");
                }
                Some(1) => assert!(output.stderr.contains("meminfo"), "{name}: {output:?}"),
                _ => panic!("{name}: {output:?}"),
            }
            let cut_in_line = meminfo[..length].last().is_some_and(|last| *last != b'\n');
            if cut_in_line {
                let line = meminfo[..length].split(|byte| *byte == b'\n').count();
                let text = format!("/meminfo: line {line}: expected");
                assert!(output.stderr.contains(&text), "{name}: {output:?}");
            }
        }
    }
}

/// Things that aren't a file to be read. The tests may run as root, whom no permission stops.
#[test]
fn what_is_no_file() {
    type Make = fn(&std::path::Path);
    let table: &[(&str, Make, &str)] = &[
        ("missing", |_| (), "No such file or directory"),
        ("a directory", |path| fs::create_dir(path).unwrap(), "Is a directory"),
        ("a loop", |path| symlink(path, path).unwrap(), "symbolic links"),
        ("without an end", |path| symlink("/dev/zero", path).unwrap(), "file too large"),
        ("empty", |path| symlink("/dev/null", path).unwrap(), "no line `MemTotal"),
    ];
    for (name, make, expected) in table {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("meminfo");
        make(&path);
        let root = folder.path().to_str().unwrap();
        let (config, expected) = (LOCAL, Error(expected));
        let output = run(&["once", "--dry-run", "--json", "--proc-root", root], config);
        check(name, &output, path.to_str().unwrap(), &expected);
        // The other commands that read it say so too, and exit alike.
        for arguments in [&["explain"][..], &["check", "--offline"]] {
            let output = run(&[arguments, &["--proc-root", root]].concat(), config);
            assert_eq!(output.code, Some(1), "{name}: {output:?}");
            let said = output.stdout + &output.stderr;
            assert!(said.contains(path.to_str().unwrap()), "{name}: {said}");
        }
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let root = file.path().to_str().unwrap();
    let output = run(&["once", "--dry-run", "--proc-root", root], LOCAL);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("Not a directory"), "{output:?}");
}

/// A fault in one of the kernel's files leaves the others alone.
#[test]
fn pressure_and_vmstat() {
    let garbage: &[&[u8]] =
        &[b"", b"\0\xff\n", b"some avg10=x\n", b"oom_kill -1\n", &[b'x'; 20_000]];
    for bytes in garbage {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("pressure")).unwrap();
        fs::write(folder.path().join("pressure/memory"), bytes).unwrap();
        fs::write(folder.path().join("vmstat"), bytes).unwrap();
        let output = dry_run(folder.path(), b"MemTotal: 100 kB\nMemAvailable: 40 kB\n", LOCAL);
        check("meminfo", &output, "", &Used(60.0));
        assert!(output.stderr.contains("/pressure/memory"), "{bytes:?}: {output:?}");
        assert!(output.stderr.len() < 2_000, "{output:?}");
        let root = folder.path().to_str().unwrap();
        let checked = run(&["check", "--offline", "--proc-root", root], LOCAL);
        assert_eq!(checked.code, Some(1), "{checked:?}");
        assert!(checked.stdout.contains("finding  pressure"), "{checked:?}");
    }
}
