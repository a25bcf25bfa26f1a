//! A host of stand-ins: its programs write down what they are asked, its metadata and its bucket are
//! tests/aws/bucket.py. curl, sha256sum and cwmem itself are the real ones.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// apt, without the AWS CLI.
    Debian,
    /// dnf and the AWS CLI.
    Amazon,
}

pub struct Host {
    folder: TempDir,
    bucket: Child,
    url: String,
}

/// What a script that ran to its end left.
pub struct Ran {
    pub code: Option<i32>,
    pub said: String,
    /// What the stand-ins were asked, one a line, in order.
    pub log: Vec<String>,
}

impl Host {
    pub fn new(kind: Kind, machine: &str) -> Host {
        let folder = tempfile::tempdir().unwrap();
        for name in ["bin", "packages", "etc"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        packages(&folder.path().join("packages"));
        let mut bucket = super::super::python()
            .arg("tests/aws/bucket.py")
            .arg(folder.path().join("packages"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(bucket.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let host = Host { folder, bucket, url: url.trim().to_owned() };
        host.equip(kind, machine);
        host
    }

    fn equip(&self, kind: Kind, machine: &str) {
        for name in
            ["grep", "wc", "sed", "mktemp", "rm", "chmod", "mv", "sha256sum", "dirname", "basename"]
        {
            symlink(find(name), self.bin(name)).unwrap();
        }
        self.stand_in("uname", &format!("echo {machine}"));
        self.stand_in("systemctl", NOTE);
        let curl = format!("echo \"$*\" >> \"$HOST/curl\"; exec {} \"$@\"", find("curl").display());
        self.stand_in("curl", &curl);
        match kind {
            Kind::Debian => {
                self.stand_in("dpkg", "exit 1");
                self.stand_in("apt-get", INSTALL);
            }
            Kind::Amazon => {
                self.stand_in("dnf", INSTALL);
                self.stand_in("rpm", "exit 0");
                let copy =
                    format!("{NOTE}; exec {} \"$HOST/packages/$5\" \"$5\"", find("cp").display());
                self.stand_in("aws", &copy);
            }
        }
    }

    fn bin(&self, name: &str) -> PathBuf {
        self.folder.path().join("bin").join(name)
    }

    fn stand_in(&self, name: &str, text: &str) {
        let path = self.bin(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// SHA256SUMS of the packages in the bucket.
    pub fn sums(&self) -> String {
        fs::read_to_string(self.folder.path().join("packages/SHA256SUMS")).unwrap()
    }

    /// user-data.sh with its values before it, as the examples put them.
    pub fn run(&self, sums: &str, config: &str) -> Ran {
        let script = fs::read_to_string("packaging/aws/user-data.sh").unwrap();
        let etc = self.folder.path().join("etc");
        assert!(script.contains("/etc/cwmem/"), "the configuration is where packages put it");
        let script = script.replace("/etc/cwmem", etc.to_str().unwrap());
        let quoted = config.replace('\'', "'\\''");
        let values = format!(
            "#!/bin/sh\nCWMEM_FROM='s3://example-bucket/cwmem/0.1.0'\nCWMEM_SHA256SUMS='{sums}'\nCWMEM_CONFIG='{quoted}'\n"
        );
        let path = self.folder.path().join("user-data");
        fs::write(&path, values + &script).unwrap();
        self.run_script(&path)
    }

    pub fn run_script(&self, script: &Path) -> Ran {
        let log = self.folder.path().join("log");
        let _ = fs::remove_file(&log);
        let output = Command::new("/bin/sh")
            .arg(script)
            .env_clear()
            .env("PATH", self.folder.path().join("bin"))
            .env("HOST", self.folder.path())
            .env("CWMEM", env!("CARGO_BIN_EXE_cwmem"))
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &self.url)
            .env("AWS_ENDPOINT_URL_S3", &self.url)
            .output()
            .unwrap();
        let [out, errors] = [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let log = fs::read_to_string(log).unwrap_or_default();
        Ran {
            code: output.status.code(),
            said: out + &errors,
            log: log.lines().map(str::to_owned).collect(),
        }
    }

    /// Opens an archive of the Distributor's.
    pub fn unpack(&self, archive: &Path) -> PathBuf {
        let folder = self.folder.path().join("unpacked");
        let mut python = super::super::python();
        let output =
            python.args(["-m", "zipfile", "-e"]).arg(archive).arg(&folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder
    }

    pub fn config(&self) -> Option<String> {
        fs::read_to_string(self.folder.path().join("etc/cwmem.toml")).ok()
    }

    pub fn others_in_etc(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join("etc")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "cwmem.toml").collect()
    }

    pub fn arguments_of_curl(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("curl")).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.bucket.kill();
        let _ = self.bucket.wait();
    }
}

/// Files with the names of packages, and their checksums.
pub fn packages(folder: &Path) {
    let mut sums = String::new();
    for name in [
        "cwmem_0.1.0-1_amd64.deb",
        "cwmem_0.1.0-1_arm64.deb",
        "cwmem-0.1.0-1.x86_64.rpm",
        "cwmem-0.1.0-1.aarch64.rpm",
    ] {
        let path = folder.join(name);
        fs::write(&path, format!("the bytes of {name}\n")).unwrap();
        sums.push_str(&format!("{}  {name}\n", sha256(&path)));
    }
    fs::write(folder.join("SHA256SUMS"), sums).unwrap();
}

pub fn sha256(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    let line = String::from_utf8(output.stdout).unwrap();
    line.split_whitespace().next().unwrap().to_owned()
}

fn find(program: &str) -> PathBuf {
    let folders = ["/usr/bin", "/bin"].map(Path::new);
    let found = folders.iter().map(|folder| folder.join(program)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{program} is missing: `make test` installs it (tests/apt.txt)"))
}

/// `$0` is a path; its name is enough.
const NOTE: &str = "echo \"${0##*/} $*\" >> \"$HOST/log\"";

/// What installing a package comes to: the program, and a configuration if there is none.
const INSTALL: &str = "echo \"${0##*/} $*\" >> \"$HOST/log\"
case $* in *remove*) exit 0 ;; esac
for last; do :; done
[ -f \"$last\" ] || exit 100
[ -e \"$HOST/bin/cwmem\" ] || printf '#!/bin/sh\\nexec \"$CWMEM\" \"$@\"\\n' > \"$HOST/bin/cwmem\"
chmod 755 \"$HOST/bin/cwmem\"
[ -e \"$HOST/etc/cwmem.toml\" ] || echo \"# the package's\" > \"$HOST/etc/cwmem.toml\"";
