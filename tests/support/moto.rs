//! moto, an emulator of AWS that shares no code with the double, behind the bridge that lets it
//! understand the agent.

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// moto with its bridge; both end when this goes.
pub struct Moto {
    process: Child,
    /// For the agent.
    pub bridge: String,
    /// For whoever speaks as boto3 does.
    pub moto: String,
}

impl Moto {
    pub fn start() -> Self {
        let mut process = python("tests/moto/bridge.py")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/moto/bridge.py starts");
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let urls = lines.map_while(Result::ok).find(|line| line.starts_with('{'));
        let urls: Value = serde_json::from_str(&urls.expect("the bridge's URLs")).unwrap();
        let url = |name: &str| urls[name].as_str().unwrap().to_owned();
        Self { process, bridge: url("bridge"), moto: url("moto") }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The interpreter of the environment that `make test` prepares, with a script of ours.
pub fn python(script: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let interpreter: PathBuf = root.join("target/venv/bin/python");
    assert!(
        interpreter.exists(),
        "{} is missing: run `make test`, which installs what tests/*/requirements.txt list there",
        interpreter.display(),
    );
    let mut python = Command::new(interpreter);
    // Nothing of the developer's AWS settings or proxies may reach it.
    python.env_clear().env("PYTHONUNBUFFERED", "1").arg(root.join(script));
    python
}
