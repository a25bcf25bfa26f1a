//! The examples of packaging/aws: held to what `cwmem policy` prints and to each other by parsers that
//! aren't ours, the scripts run on hosts made of stand-ins, the archives of the Distributor opened.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test may stop where it cannot go on"
)]

mod aws;

use aws::host::{Host, Kind};
use serde_json::{Value, json};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

fn said(output: &Output) -> String {
    let [out, errors] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{errors}")
}

/// The program of `make test`'s own environment.
fn python() -> Command {
    let interpreter = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/python");
    assert!(
        interpreter.exists(),
        "{} is missing: run `make test`, which installs tests/aws/requirements.txt there",
        interpreter.display(),
    );
    let mut python = Command::new(interpreter);
    // Nothing of the developer's AWS settings may reach it.
    python.env_clear().env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

/// What `cwmem policy` prints for the default configuration, as a file.
fn printed(folder: &Path, format: &str, name: &str) -> PathBuf {
    let empty = folder.join("cwmem.toml");
    fs::write(&empty, "").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_cwmem"))
        .args(["policy", "--format", format, "--config"])
        .arg(empty)
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let path = folder.join(name);
    fs::write(&path, output.stdout).unwrap();
    path
}

#[test]
fn the_examples_are_what_the_binary_prints_and_what_they_say() {
    let folder = tempfile::tempdir().unwrap();
    let [policy, template, module] = [
        ("json", "policy.json"),
        ("cloudformation", "policy.template"),
        ("terraform", "policy.tf"),
    ]
    .map(|(format, name)| printed(folder.path(), format, name));
    let output = python().arg("tests/aws/examples.py").args([policy, template, module]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(said(&output), "all of it holds\n");
}

#[test]
fn cfn_lint_has_no_remarks() {
    let folder = tempfile::tempdir().unwrap();
    // The program's own first line names the folder in which the environment was made.
    let lint = "import sys, cfnlint.runner; sys.exit(cfnlint.runner.main())";
    let generated = printed(folder.path(), "cloudformation", "policy.template");
    let output = python()
        .args(["-c", lint, "--regions", "us-east-1", "cn-north-1", "us-gov-west-1", "--template"])
        .arg("packaging/aws/cloudformation.yaml")
        .arg(generated)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(said(&output), "");
}

#[test]
fn shellcheck_has_no_remarks() {
    for script in ["user-data.sh", "distributor/install.sh", "distributor/uninstall.sh"] {
        let path = Path::new("packaging/aws").join(script);
        for (program, argument) in [("sh", "-n"), ("shellcheck", "--shell=sh")] {
            let output = match Command::new(program).arg(argument).arg(&path).output() {
                Ok(output) => output,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    panic!("{program} is missing: `make test` installs it (tests/apt.txt)")
                }
                Err(error) => panic!("{program}: {error}"),
            };
            assert!(output.status.success(), "{}", said(&output));
        }
    }
}

#[test]
fn user_data_installs_a_deb_as_the_instance_s_role() {
    let host = Host::new(Kind::Debian, "x86_64");
    let ran = host.run(&host.sums(), CONFIG);
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    let log = [
        "systemctl mask --runtime cwmem.service",
        "apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold --no-install-recommends --allow-downgrades install ./cwmem_0.1.0-1_amd64.deb",
        "systemctl unmask --runtime cwmem.service",
        "systemctl enable cwmem.service",
        "systemctl restart cwmem.service",
    ];
    assert_eq!(ran.log, log, "{}", ran.said);
    assert_eq!(host.config().unwrap(), format!("{CONFIG}\n"));
    assert_eq!(host.others_in_etc(), Vec::<String>::new());
    // Anybody can see a program's arguments.
    let curl = host.arguments_of_curl();
    assert_eq!(curl.len(), 6, "{curl:?}");
    for secret in ["wJalr", "IQoJb3JpZ2lu", "AQAEAexample"] {
        assert!(!curl.iter().any(|line| line.contains(secret)), "{curl:?}");
    }
    // A second time it is there already: a service that runs isn't masked.
    let again = host.run(&host.sums(), "");
    assert_eq!(again.code, Some(0), "{}", again.said);
    assert_eq!(again.log[0], log[1], "{}", again.said);
    assert_eq!(host.config().unwrap(), format!("{CONFIG}\n"));
}

#[test]
fn user_data_installs_an_rpm_by_the_aws_cli() {
    let host = Host::new(Kind::Amazon, "aarch64");
    let ran = host.run(&host.sums(), "");
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    let log = [
        "aws s3 cp --only-show-errors s3://example-bucket/cwmem/0.1.0/cwmem-0.1.0-1.aarch64.rpm cwmem-0.1.0-1.aarch64.rpm",
        "systemctl mask --runtime cwmem.service",
        "dnf -q -y install ./cwmem-0.1.0-1.aarch64.rpm",
        "systemctl unmask --runtime cwmem.service",
        "systemctl enable cwmem.service",
        "systemctl restart cwmem.service",
    ];
    assert_eq!(ran.log, log, "{}", ran.said);
    assert_eq!(host.config().unwrap(), "# the package's\n");
}

#[test]
fn user_data_installs_nothing_that_it_should_not() {
    let host = Host::new(Kind::Debian, "x86_64");
    let sums = host.sums();
    let other = sums.lines().find(|line| line.ends_with("_arm64.deb")).unwrap();
    let mine = sums.lines().find(|line| line.ends_with("_amd64.deb")).unwrap();
    let wrong = mine.replace(&mine[..64], &other[..64]);
    let absent = mine.replace("0.1.0", "0.2.0");
    let cases = [
        (wrong.as_str(), "isn't what its checksum says: nothing is installed"),
        (other, "expected a line of a package cwmem*_amd64.deb in SHA256SUMS, found none"),
        ("", "expected a line of a package cwmem*_amd64.deb in SHA256SUMS, found none"),
        (absent.as_str(), "cannot fetch s3://example-bucket/cwmem/0.1.0/cwmem_0.2.0-1_amd64.deb"),
        (&format!("{mine}\n{absent}"), "expected one package cwmem*_amd64.deb, found several"),
    ];
    for (sums, message) in cases {
        let ran = host.run(sums, CONFIG);
        assert_eq!(ran.code, Some(1), "{message}: {}", ran.said);
        assert!(ran.said.contains(message), "{message}: {}", ran.said);
        assert_eq!(ran.log, Vec::<String>::new(), "{message}");
        assert_eq!(host.config(), None, "{message}");
    }
}

#[test]
fn user_data_starts_nothing_with_a_wrong_configuration() {
    let host = Host::new(Kind::Debian, "x86_64");
    let ran = host.run(&host.sums(), "[metrics]\nnamespce = \"Web\"");
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    assert!(ran.said.contains("did you mean metrics.namespace?"), "{}", ran.said);
    assert!(ran.said.contains("its configuration is wrong: it isn't started"), "{}", ran.said);
    let end = ["systemctl unmask --runtime cwmem.service", "systemctl disable cwmem.service"];
    assert!(ran.log.ends_with(&end.map(str::to_owned)), "{:?}", ran.log);
    assert!(!ran.log.iter().any(|line| line.contains("start")), "{:?}", ran.log);
    assert_eq!(host.config().unwrap(), "# the package's\n");
    assert_eq!(host.others_in_etc(), Vec::<String>::new());
}

/// Packages as far as the Distributor's script looks at them.
fn packages() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    aws::host::packages(folder.path());
    folder
}

fn distributor(packages: &Path, out: &Path) -> Output {
    let mut script = Command::new("packaging/aws/distributor.py");
    script.arg("--packages").arg(packages).arg("--out").arg(out).output().unwrap()
}

#[test]
fn the_distributor_gets_each_package_for_its_platforms() {
    let packages = packages();
    let [one, other] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for out in [&one, &other] {
        let output = distributor(packages.path(), out.path());
        assert!(output.status.success(), "{}", said(&output));
    }
    let manifest = fs::read(one.path().join("manifest.json")).unwrap();
    assert_eq!(manifest, fs::read(other.path().join("manifest.json")).unwrap());
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let [deb, rpm] = ["deb", "rpm"].map(|kind| {
        let file = |architecture| json!({"file": format!("cwmem-0.1.0-{kind}-{architecture}.zip")});
        json!({"x86_64": file("x86_64"), "arm64": file("arm64")})
    });
    assert_eq!(manifest["schemaVersion"], "2.0");
    assert_eq!(manifest["version"], "0.1.0");
    assert_eq!(manifest["packages"]["debian"], json!({"_any": deb}));
    assert_eq!(manifest["packages"]["ubuntu"], json!({"_any": deb}));
    assert_eq!(manifest["packages"]["amazon"], json!({"2023": rpm}));
    let files = manifest["files"].as_object().unwrap();
    assert_eq!(files.len(), 4);
    for (name, file) in files {
        let sum = aws::host::sha256(&one.path().join(name));
        assert_eq!(file["checksums"]["sha256"], sum.as_str(), "{name}");
        assert_eq!(sum, aws::host::sha256(&other.path().join(name)), "{name}");
    }
}

#[test]
fn the_distributor_s_archives_install_and_remove() {
    let packages = packages();
    let out = tempfile::tempdir().unwrap();
    assert!(distributor(packages.path(), out.path()).status.success());
    for (kind, archive, installed, removed) in [
        (
            Kind::Debian,
            "cwmem-0.1.0-deb-x86_64.zip",
            "install ./cwmem_0.1.0-1_amd64.deb",
            "remove cwmem",
        ),
        (
            Kind::Amazon,
            "cwmem-0.1.0-rpm-arm64.zip",
            "install ./cwmem-0.1.0-1.aarch64.rpm",
            "remove cwmem",
        ),
    ] {
        let host = Host::new(kind, "x86_64");
        let folder = host.unpack(&out.path().join(archive));
        for (script, end) in
            [("install.sh", installed), ("update.sh", installed), ("uninstall.sh", removed)]
        {
            let ran = host.run_script(&folder.join(script));
            assert_eq!(ran.code, Some(0), "{archive}: {script}: {}", ran.said);
            assert!(ran.log[0].ends_with(end), "{archive}: {script}: {:?}", ran.log);
        }
        fs::write(folder.join("SHA256SUMS"), format!("{}  nothing\n", "0".repeat(64))).unwrap();
        let ran = host.run_script(&folder.join("install.sh"));
        assert_ne!(ran.code, Some(0), "{archive}");
        assert_eq!(ran.log, Vec::<String>::new());
    }
}

#[test]
fn the_distributor_refuses_what_is_not_what_it_says() {
    let packages = packages();
    let out = tempfile::tempdir().unwrap();
    fs::write(packages.path().join("cwmem_0.1.0-1_amd64.deb"), "other bytes").unwrap();
    let output = distributor(packages.path(), out.path());
    assert_eq!(output.status.code(), Some(65));
    assert!(said(&output).contains("cwmem_0.1.0-1_amd64.deb has another checksum"));
    fs::remove_file(packages.path().join("SHA256SUMS")).unwrap();
    let output = distributor(packages.path(), out.path());
    assert_eq!(output.status.code(), Some(65));
    assert!(said(&output).contains("expected the checksums of `make package`"));
}

/// The container's configuration is one, and the command line that runs it exists.
#[test]
fn the_container_s_configuration_is_one() {
    let host = Host::new(Kind::Debian, "x86_64");
    let output = Command::new(env!("CARGO_BIN_EXE_cwmem"))
        .args(["check", "--offline", "--config", "packaging/aws/container/cwmem.toml"])
        .args(["--proc-root", "/proc", "--sys-root"])
        .arg(host.folder())
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let dockerfile = fs::read_to_string("packaging/aws/container/Dockerfile").unwrap();
    for line in [
        "COPY packaging/aws/container/cwmem.toml /etc/cwmem/cwmem.toml",
        "USER 65532:65532",
        "VOLUME /var/lib/cwmem",
        "ENTRYPOINT [\"/usr/bin/cwmem\"]",
        "CMD [\"run\"]",
    ] {
        assert!(dockerfile.lines().any(|found| found == line), "{line}");
    }
}

const CONFIG: &str = "[metrics]\nnamespace = \"It's/Memory\"\n# $HOME `id` \\";
