//! Explanations, completions and manual pages.

use crate::{LOCAL, captures, run};
use cwmem::metric::NATIVE;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

#[test]
fn explains_each_metric_on_this_host() {
    let output = run(&["explain"], LOCAL);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    let rows: Vec<_> = output.stdout.lines().filter(|line| line.starts_with("cwmem ")).collect();
    assert_eq!(rows.len(), NATIVE.len(), "{output:?}");
    let used = rows.iter().find(|row| row.contains("MemoryUsedPercent")).unwrap();
    assert!(used.contains(" %  ") && used.contains("MemAvailable/(MemTotal − Hugetlb)"), "{used}");
    assert!(used.contains("MemTotal ") && used.contains(" kB"), "{used}");
    let kills = rows.iter().find(|row| row.contains("OomKills")).unwrap();
    assert!(kills.contains("oom_kill "), "{kills}");
    // A field that a formula names twice is shown once.
    let swap = rows.iter().find(|row| row.contains("SwapUsedPercent")).unwrap();
    let fields = swap.rsplit("SwapTotal  ").next().unwrap();
    assert_eq!(fields.matches("SwapTotal").count(), 1, "{swap}");
}

#[test]
fn explains_a_capture() {
    for (name, meminfo) in captures() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("meminfo"), &meminfo).unwrap();
        let root = folder.path().to_str().unwrap();
        let output = run(&["explain", "--proc-root", root], LOCAL);
        assert_eq!(output.code, Some(0), "{name}: {output:?}");
        let text = String::from_utf8(meminfo).unwrap();
        let value = |field: &str| {
            let line = text.lines().find(|line| line.starts_with(&format!("{field}:")))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let row = output.stdout.lines().find(|row| row.contains("MemoryUsedPercent ")).unwrap();
        let total = value("MemTotal").unwrap();
        assert!(row.contains(&format!("MemTotal {total}")), "{name}: {row}");
        let has_value = row.split_whitespace().nth(2) != Some("-");
        assert_eq!(has_value, value("MemAvailable").is_some(), "{name}: {row}");
        // A captured tree of meminfo alone has no pressure: said, not shown as zero.
        assert!(output.stderr.contains("pressure/memory cannot be read"), "{name}: {output:?}");
        let stall = output.stdout.lines().find(|row| row.contains("MemoryStallPercent ")).unwrap();
        assert_eq!(stall.split_whitespace().nth(2), Some("-"), "{name}: {stall}");
    }
}

#[test]
fn completions_for_every_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(&["completions", shell], "");
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{shell}");
        for word in ["cwmem", "once", "dry-run", "proc-root"] {
            assert!(output.stdout.contains(word), "{shell} has no {word}");
        }
    }
    let script = run(&["completions", "bash"], "").stdout;
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}

/// By groff where it is installed; its requests are looked at in any case.
fn check_page(name: &str, page: &str) {
    assert!(page.contains(".TH "), "{name}: {page}");
    for section in ["NAME", "SYNOPSIS", "OPTIONS"] {
        assert!(page.contains(&format!(".SH {section}")), "{name} has no {section}");
    }
    let known = [".TH", ".SH", ".SS", ".TP", ".RS", ".RE", ".PP", ".br", ".ie", ".el", ".IP"];
    for line in page.lines().filter(|line| line.starts_with('.')) {
        let request = line.split_whitespace().next().unwrap();
        assert!(known.contains(&request), "{name}: {line}");
    }
    let groff = Command::new("groff")
        .args(["-man", "-Tascii", "-ww"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut groff) = groff else { return };
    groff.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = groff.wait_with_output().unwrap();
    let warnings = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && warnings.is_empty(), "{name}: {warnings}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.lines().count() > 20, "{name}: {text}");
}

#[test]
fn the_manual_renders() {
    let output = run(&["man"], "");
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    check_page("cwmem", &output.stdout);
    assert!(output.stdout.contains("CWMEM_CONFIG"), "{output:?}");
    for command in ["run", "once", "check", "explain", "completions", "man"] {
        assert!(output.stdout.contains(&format!("cwmem\\-{command}(1)")), "{command}");
    }
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("new/man1");
    let output = run(&["man", "--dir", target.to_str().unwrap()], "");
    assert_eq!((output.code, output.stdout.as_str()), (Some(0), ""), "{output:?}");
    for name in ["cwmem", "cwmem-run", "cwmem-once", "cwmem-check", "cwmem-explain"] {
        let page = fs::read_to_string(target.join(format!("{name}.1"))).unwrap();
        check_page(name, &page);
    }
}
