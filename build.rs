//! Tells the binary which commit it was built from, for `cwmem --version`, and the linker what the
//! release binary can do without.

#![allow(
    clippy::disallowed_methods,
    reason = "cargo tells a build script what it builds by the environment"
)]

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    // Built from an archive, there is no commit to name.
    let commit = git(&["describe", "--always", "--dirty", "--abbrev=12"]);
    println!("cargo::rustc-env=CWMEM_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    println!("cargo::rerun-if-changed=build.rs");
    for name in ["HEAD", "index"] {
        // A path that isn't there would have it run at each build.
        let path = git(&["rev-parse", "--git-path", name]);
        if let Some(path) = path.filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    without_unwinding();
}

/// Leaves the unwinding tables out where a panic aborts. Tests' and benches' builds don't abort,
/// whatever the profile says, but they build no binary that a panic is caught in.
fn without_unwinding() {
    println!("cargo::rerun-if-changed={SCRIPT}");
    let variable = |name| env::var(name).unwrap_or_default();
    let release = variable("PROFILE") == "release" && variable("DEBUG") == "false";
    if !release || variable("CARGO_CFG_TARGET_OS") != "linux" {
        return;
    }
    let script = Path::new(&variable("CARGO_MANIFEST_DIR")).join(SCRIPT);
    println!("cargo::rustc-link-arg-bin=cwmem=-Wl,-T,{}", script.display());
    println!("cargo::rustc-link-arg-bin=cwmem=-Wl,--no-eh-frame-hdr");
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

const SCRIPT: &str = "packaging/no-unwinding.ld";
