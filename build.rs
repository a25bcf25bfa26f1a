//! Tells the binary which commit it was built from, for `cwmem --version`.

use std::process::Command;

fn main() {
    let git = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12"]).output();
    let commit = match git {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        // Built from an archive: there is no commit to name.
        _ => "unknown".to_owned(),
    };
    println!("cargo::rustc-env=CWMEM_COMMIT={commit}");
    println!("cargo::rerun-if-changed=.git/HEAD");
    println!("cargo::rerun-if-changed=.git/index");
}
