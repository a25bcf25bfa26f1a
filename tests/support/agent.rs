//! The real binary as a child process: its configuration, environment, signals and log.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A configuration of its own, an environment without anything of the caller's.
pub struct Setup {
    binary: PathBuf,
    folder: TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    notify: Option<UnixDatagram>,
}

/// A running agent; killed where a test leaves it running.
pub struct Agent {
    child: Child,
    folder: TempDir,
    log: Arc<Log>,
    notify: Option<UnixDatagram>,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

impl Setup {
    /// The binary that was built with the tests, on an EC2 host by configuration, with `config`
    /// appended to what makes it so.
    pub fn new(config: &str) -> Setup {
        Setup::of(Path::new(env!("CARGO_BIN_EXE_cwmem")), config)
    }

    pub fn of(binary: &Path, config: &str) -> Setup {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("cwmem.toml"), config).unwrap();
        let environment = [
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret-example"),
            ("AWS_REGION", "eu-central-1"),
            // Nothing may ask the real metadata service of the machine that runs the tests.
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9"),
            ("PATH", "/usr/bin:/bin"),
        ];
        let pairs = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Setup {
            binary: binary.to_owned(),
            folder,
            arguments: vec!["run".into()],
            environment: pairs.collect(),
            notify: None,
        }
    }

    /// Instead of `run`.
    pub fn arguments(mut self, arguments: &[&str]) -> Setup {
        self.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self
    }

    pub fn variable(mut self, name: &str, value: &str) -> Setup {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.into(), value.into()));
        self
    }

    pub fn without(mut self, name: &str) -> Setup {
        self.environment.retain(|(other, _)| other != name);
        self
    }

    /// Plays the service manager: the agent's notifications can be awaited.
    pub fn notified(mut self) -> Setup {
        let path = self.folder.path().join("notify");
        self.notify = Some(UnixDatagram::bind(&path).unwrap());
        self.variable("NOTIFY_SOCKET", path.to_str().unwrap())
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(&self.arguments).env_clear().envs(self.environment.iter().cloned());
        command.env("CWMEM_CONFIG", self.folder.path().join("cwmem.toml"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs to the end and gives all that was printed.
    pub fn output(&self) -> std::process::Output {
        self.command().output().unwrap()
    }

    pub fn start(self) -> Agent {
        let mut child = self.command().spawn().unwrap();
        let log = Arc::new(Log::default());
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let writer = log.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                writer.lines.lock().unwrap().push(line);
                writer.more.notify_all();
            }
        });
        Agent { child, folder: self.folder, log, notify: self.notify }
    }
}

impl Agent {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("cwmem.toml")
    }

    /// `signal`: as kill(1) names it, such as "TERM".
    pub fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
    }

    /// How it ended, and how long that took; panics where it takes longer than `patience`.
    pub fn wait(&mut self, patience: Duration) -> (ExitStatus, Duration) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, start.elapsed());
            }
            assert!(start.elapsed() < patience, "still running; it said:\n{}", self.said());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for a line of the log that contains `text`, and gives it.
    pub fn wait_for_line(&self, text: &str, patience: Duration) -> String {
        let end = Instant::now() + patience;
        let mut lines = self.log.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no line with {text:?} among:\n{}", lines.join("\n"));
            lines = self.log.more.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// How many lines of the log contain `text` by now.
    pub fn count_lines(&self, text: &str) -> usize {
        self.log.lines.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    pub fn said(&self) -> String {
        self.log.lines.lock().unwrap().join("\n")
    }

    /// Waits for a notification that contains `text`, as the service manager would get it.
    pub fn wait_for_notification(&self, text: &str, patience: Duration) -> String {
        let socket = self.notify.as_ref().expect("Setup::notified");
        let end = Instant::now() + patience;
        let mut seen = Vec::new();
        let mut buffer = [0; 4_096];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no notification with {text:?} among: {seen:?}");
            socket.set_read_timeout(Some(left)).unwrap();
            let Ok(length) = socket.recv(&mut buffer) else { continue };
            let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if message.contains(text) {
                return message;
            }
            seen.push(message);
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
