//! The packages: the same bytes whoever packs, with what an administrator expects in them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may stop where it cannot go on"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packs as somebody with this umask, from a copy of the sources in a folder of this name.
fn pack(folder: &Path, name: &str, umask: &str) -> PathBuf {
    let sources = folder.join(name);
    let out = sources.join("packed");
    fs::create_dir(&sources).unwrap();
    let script = r#"
        umask "$1"
        cp -r Cargo.toml Cargo.lock README.md CHANGELOG.md LICENSE-* config packaging systemd "$2"
        # For cargo to say what is linked.
        cp -r build.rs benches src vendor "$2"
        exec "$2/packaging/package.sh" --quick --binary "$3" --out "$2/packed"
    "#;
    let output = Command::new("bash")
        .args(["-euc", script, "pack", umask])
        .arg(&sources)
        .arg(env!("CARGO_BIN_EXE_cwmem"))
        .env("SOURCE_DATE_EPOCH", "1790000000")
        .env("TZ", if umask == "022" { "UTC" } else { "Asia/Kathmandu" })
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n(`make test` installs what tests/apt.txt lists)");
    out
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn said(program: &str, arguments: &[&str], file: &Path) -> String {
    let output = Command::new(program).args(arguments).arg(file).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn find(folder: &Path, ending: &str) -> PathBuf {
    let name = names(folder).into_iter().find(|name| name.ends_with(ending)).unwrap();
    folder.join(name)
}

#[test]
fn the_same_bytes_whoever_packs() {
    let folder = tempfile::tempdir().unwrap();
    let one = pack(folder.path(), "one", "022");
    let other = pack(folder.path(), "some other folder", "077");
    assert_eq!(names(&one).len(), 3, "{:?}", names(&one));
    assert_eq!(names(&one), names(&other));
    for name in names(&one) {
        let same = fs::read(one.join(&name)).unwrap() == fs::read(other.join(&name)).unwrap();
        assert!(same, "{name} depends on who packed it");
    }
    checksums_hold(&one);
    what_is_in_the_deb(&find(&one, ".deb"), folder.path());
    what_is_in_the_rpm(&find(&one, ".rpm"));
}

fn checksums_hold(folder: &Path) {
    let check = Command::new("sha256sum").args(["-c", "SHA256SUMS"]).current_dir(folder).output();
    let output = check.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn what_is_in_the_deb(deb: &Path, folder: &Path) {
    let list = said("dpkg-deb", &["--contents"], deb);
    for line in list.lines() {
        let mut words = line.split_whitespace();
        let (mode, owner) = (words.next().unwrap(), words.next().unwrap());
        let path = words.next_back().unwrap();
        let expected = match path {
            "./usr/bin/cwmem" => "-rwxr-xr-x",
            folder if folder.ends_with('/') => "drwxr-xr-x",
            _ => "-rw-r--r--",
        };
        assert_eq!((mode, owner), (expected, "root/root"), "{line}");
    }
    for path in SHIPPED.iter().chain(&DEBIAN_S) {
        assert!(list.lines().any(|line| line.ends_with(&format!(" .{path}"))), "no {path}\n{list}");
    }
    let tree = folder.join("tree");
    let unpacked = Command::new("dpkg-deb").arg("-R").arg(deb).arg(&tree).status().unwrap();
    assert!(unpacked.success());
    let conffiles = fs::read_to_string(tree.join("DEBIAN/conffiles")).unwrap();
    assert_eq!(conffiles, "/etc/cwmem/cwmem.toml\n");
    for name in ["postinst", "prerm", "postrm"] {
        let script = tree.join("DEBIAN").join(name);
        assert!(Command::new("sh").arg("-n").arg(&script).status().unwrap().success(), "{name}");
    }
    every_key_is_in_the_manual(&tree.join("usr/share/man/man5/cwmem.toml.5.gz"));
    the_bill_names_what_is_linked(&tree.join("usr/share/doc/cwmem"));
}

fn the_bill_names_what_is_linked(documents: &Path) {
    let bill = fs::read_to_string(documents.join("cwmem.cdx.json")).unwrap();
    let bill: serde_json::Value = serde_json::from_str(&bill).unwrap();
    assert_eq!(bill["metadata"]["timestamp"], "2026-09-21T14:13:20Z");
    let components = bill["components"].as_array().unwrap();
    let named = |name: &str| components.iter().find(|component| component["name"] == name);
    assert!(named("rustls").is_some_and(|component| component["hashes"].is_array()));
    // What only tests, or the compiler, use isn't in the binary.
    assert!(named("proptest").is_none() && named("serde_derive").is_none());
    let licences = said("gzip", &["-dc"], &documents.join("third-party.txt.gz"));
    assert!(licences.contains("\nring ") && licences.contains("Apache License"));
    let machine = std::env::var("HOME").unwrap();
    assert!(!bill.to_string().contains(&machine) && !licences.contains(&machine));
}

fn every_key_is_in_the_manual(page: &Path) {
    // A hyphen that is no place to break a line (groff(7)).
    let page = said("gzip", &["-dc"], page).replace("\\-", "-");
    let shipped = fs::read_to_string("config/cwmem.toml").unwrap();
    let mut keys = 0;
    for line in shipped.lines().filter(|line| !line.starts_with("# ")) {
        let Some((key, _)) = line.trim_start_matches(['#', ' ']).split_once(" = ") else {
            continue;
        };
        keys += 1;
        assert!(page.contains(&format!("\\fB{key}\\fR")), "cwmem.toml(5) has no {key}");
    }
    assert!(keys > 30, "{keys}");
}

fn what_is_in_the_rpm(rpm: &Path) {
    let list = said("rpm", &["-qpl"], rpm);
    for path in SHIPPED.iter().chain(&RPM_S) {
        assert!(list.lines().any(|line| line == *path), "no {path}\n{list}");
    }
    let configuration = said("rpm", &["-qp", "--qf", "[%{FILENAMES} %{FILEFLAGS}\n]"], rpm);
    // RPMFILE_CONFIG and RPMFILE_NOREPLACE (rpmfiles.h).
    assert!(configuration.contains("/etc/cwmem/cwmem.toml 17\n"), "{configuration}");
    assert_eq!(
        said("rpm", &["-qp", "--qf", "%{BUILDHOST} %{BUILDTIME}"], rpm),
        "localhost 1790000000"
    );
}

/// Asks packaging/check-binary.sh; what it says against the file, if anything.
fn check_binary(options: &[&str], binary: &str) -> Result<(), String> {
    let script = Command::new("packaging/check-binary.sh").args(options).arg(binary).output();
    let output = script.unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8(output.stderr).unwrap()) }
}

#[test]
fn a_binary_that_no_package_may_have_is_refused() {
    let refused = |options: &[&str], binary: &str, why: &str| {
        let said = check_binary(options, binary).unwrap_err();
        assert!(said.contains(why), "{options:?} {binary}: {said}");
    };
    assert_eq!(check_binary(&["--glibc", "2.99"], "/bin/true"), Ok(()));
    refused(&["--glibc", "2.2"], "/bin/true", "GLIBC_2.2 is the highest that is allowed");
    refused(&["--size", "1000"], "/bin/true", "at most 1000 are allowed");
    refused(&["--static"], "/bin/true", "isn't static: it needs libc.so.6");
    // A debug build has all its sources' paths.
    refused(&[], env!("CARGO_BIN_EXE_cwmem"), "of this machine in it");
}

const SHIPPED: [&str; 13] = [
    "/etc/cwmem/cwmem.toml",
    "/usr/bin/cwmem",
    "/usr/share/bash-completion/completions/cwmem",
    "/usr/share/doc/cwmem/README.md",
    "/usr/share/doc/cwmem/cwmem.cdx.json",
    "/usr/share/doc/cwmem/examples/environment.conf",
    "/usr/share/doc/cwmem/examples/hide-processes.conf",
    "/usr/share/doc/cwmem/examples/vpc-endpoint.conf",
    "/usr/share/doc/cwmem/third-party.txt.gz",
    "/usr/share/fish/vendor_completions.d/cwmem.fish",
    "/usr/share/man/man1/cwmem-history.1.gz",
    "/usr/share/man/man1/cwmem.1.gz",
    "/usr/share/man/man5/cwmem.toml.5.gz",
];

const DEBIAN_S: [&str; 4] = [
    "/lib/systemd/system/cwmem.service",
    "/usr/share/doc/cwmem/changelog.gz",
    "/usr/share/doc/cwmem/copyright",
    "/usr/share/zsh/vendor-completions/_cwmem",
];

const RPM_S: [&str; 5] = [
    "/usr/lib/systemd/system/cwmem.service",
    "/usr/lib/systemd/system-preset/80-cwmem.preset",
    "/usr/share/licenses/cwmem/LICENSE-APACHE",
    "/usr/share/licenses/cwmem/LICENSE-MIT",
    "/usr/share/zsh/site-functions/_cwmem",
];
