//! The real binary as a child process: its configuration, environment, signals and log.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A configuration of its own, an environment without anything of the caller's.
/// It may be started again and again: what it leaves in its directories stays.
pub struct Setup {
    binary: PathBuf,
    folder: Arc<TempDir>,
    /// Programs that end by becoming the agent, with their arguments.
    before: Vec<String>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    notify: Option<UnixDatagram>,
}

/// A running agent; killed where a test leaves it running.
pub struct Agent {
    child: Child,
    folder: Arc<TempDir>,
    log: Arc<Record>,
    notifications: Arc<Record>,
}

/// What came so far, each with its time, for those who wait for more.
#[derive(Default)]
struct Record {
    entries: Mutex<Vec<(Instant, String)>>,
    more: Condvar,
}

/// What a command that ran to its end left.
#[derive(Debug)]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
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
        let [state, runtime] =
            [STATE, RUNTIME].map(|name| folder.path().join(name).display().to_string());
        let environment = [
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret-example"),
            ("AWS_REGION", "eu-central-1"),
            // Nothing may ask the real metadata service of the machine that runs the tests.
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9"),
            ("PATH", "/usr/bin:/bin"),
            // Nor may any test touch what an agent of that machine keeps.
            ("STATE_DIRECTORY", &state),
            ("RUNTIME_DIRECTORY", &runtime),
        ];
        let pairs = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Setup {
            binary: binary.to_owned(),
            folder: Arc::new(folder),
            before: Vec::new(),
            arguments: vec!["run".into()],
            environment: pairs.collect(),
            notify: None,
        }
    }

    /// On EC2 by its configuration, publishing to `url`, with `config` appended.
    pub fn publishing(url: &str, config: &str) -> Setup {
        Setup::new(&format!("{}{config}", publishing(url)))
    }

    /// Before other processes, where the tests' user may ask for that: for tests of the clock.
    pub fn nice(self) -> Setup {
        self.behind(&["nice", "-n", "-15"])
    }

    /// Through a program that ends by becoming the agent; the last one named is run first.
    pub fn behind(mut self, program: &[&str]) -> Setup {
        self.before.splice(0..0, program.iter().map(|word| (*word).to_owned()));
        self
    }

    /// Instead of `run`.
    pub fn arguments(mut self, arguments: &[&str]) -> Setup {
        self.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self
    }

    pub fn variable(mut self, name: &str, value: &str) -> Setup {
        self.set(name, value);
        self
    }

    /// A variable of its environment, from the next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.into(), value.into()));
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

    /// Where it keeps what has to outlive it.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join(STATE)
    }

    pub fn runtime(&self) -> PathBuf {
        self.folder.path().join(RUNTIME)
    }

    /// Another configuration for the next start.
    pub fn configure(&self, config: &str) {
        std::fs::write(self.folder.path().join("cwmem.toml"), config).unwrap();
    }

    pub fn command(&self) -> Command {
        self.command_with(&self.arguments)
    }

    /// Another command of the same setup, beside the agent that runs.
    pub fn command_with(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        let binary = self.binary.to_str().unwrap();
        let mut words = self.before.iter().map(String::as_str).chain([binary]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(arguments).env_clear();
        command.env("CWMEM_CONFIG", self.folder.path().join("cwmem.toml"));
        command.envs(self.environment.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs to the end, which has to come within a minute, and gives all that was printed.
    pub fn output(&self) -> Output {
        let [mut stdout, mut stderr] =
            [tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap()];
        let mut command = self.command();
        command.stdout(stdout.try_clone().unwrap()).stderr(stderr.try_clone().unwrap());
        let mut child = command.spawn().unwrap();
        let code = wait(&mut child, PATIENCE, || text(&mut stderr)).0.code();
        Output { code, stdout: text(&mut stdout), stderr: text(&mut stderr) }
    }

    pub fn start(&self) -> Agent {
        let mut command = self.command();
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        self.follow(child)
    }

    /// As under systemd: standard error is what JOURNAL_STREAM names.
    pub fn start_in_journal(&self) -> Agent {
        // A named pipe has an inode before the agent is started, as the journal's socket has.
        let path = self.folder.path().join("journal");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let pipe = File::options().read(true).write(true).open(&path).unwrap();
        let metadata = pipe.metadata().unwrap();
        let mut command = self.command();
        command.env("JOURNAL_STREAM", format!("{}:{}", metadata.dev(), metadata.ino()));
        let child =
            command.stdout(Stdio::null()).stderr(pipe.try_clone().unwrap()).spawn().unwrap();
        self.record(child, pipe)
    }

    fn follow(&self, mut child: Child) -> Agent {
        let stderr = child.stderr.take().unwrap();
        self.record(child, stderr)
    }

    fn record(&self, child: Child, stderr: impl Read + Send + 'static) -> Agent {
        let log = Arc::new(Record::default());
        let writer = log.clone();
        std::thread::spawn(move || {
            let lines = BufReader::new(stderr).lines();
            lines.map_while(Result::ok).for_each(|line| writer.push(line));
        });
        let notifications = Arc::new(Record::default());
        if let Some(socket) = &self.notify {
            let (socket, writer) = (socket.try_clone().unwrap(), notifications.clone());
            std::thread::spawn(move || {
                let mut buffer = [0; 4_096];
                while let Ok(length) = socket.recv(&mut buffer) {
                    writer.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
                }
            });
        }
        Agent { child, folder: self.folder.clone(), log, notifications }
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
        // The shell's own, as not every system has the program.
        let mut shell = Command::new("sh");
        shell.args(["-c", "kill -s \"$1\" \"$2\"", "sh", signal, &id]);
        assert!(shell.status().unwrap().success());
    }

    /// As a host that goes: nothing it does comes after this.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// How it ended, and how long that took; panics where it takes longer than `patience`.
    pub fn wait(&mut self, patience: Duration) -> (ExitStatus, Duration) {
        let log = self.log.clone();
        wait(&mut self.child, patience, || log.joined())
    }

    /// Waits for a line of the log that contains `text`, and gives it.
    pub fn wait_for_line(&self, text: &str, patience: Duration) -> String {
        self.log.wait_for(0, text, patience).1.1
    }

    /// How many lines of the log contain `text` by now.
    pub fn count_lines(&self, text: &str) -> usize {
        let lines = self.log.entries.lock().unwrap();
        lines.iter().filter(|(_, line)| line.contains(text)).count()
    }

    pub fn said(&self) -> String {
        self.log.joined()
    }

    /// Waits for a notification that contains `text`, as the service manager would get it. The
    /// first `skip` are passed over; gives its place, so that the next can be waited for behind it.
    pub fn wait_for_notification(
        &self,
        skip: usize,
        text: &str,
        patience: Duration,
    ) -> (usize, Instant, String) {
        let (place, (at, message)) = self.notifications.wait_for(skip, text, patience);
        (place, at, message)
    }

    /// All notifications so far, with their times.
    pub fn notifications(&self) -> Vec<(Instant, String)> {
        self.notifications.entries.lock().unwrap().clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Record {
    fn push(&self, text: String) {
        self.entries.lock().unwrap().push((Instant::now(), text));
        self.more.notify_all();
    }

    fn joined(&self) -> String {
        let entries = self.entries.lock().unwrap();
        entries.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n")
    }

    fn wait_for(&self, skip: usize, text: &str, patience: Duration) -> (usize, (Instant, String)) {
        let end = Instant::now() + patience;
        let mut entries = self.entries.lock().unwrap();
        loop {
            let mut behind = entries.iter().enumerate().skip(skip);
            if let Some((place, entry)) = behind.find(|(_, (_, entry))| entry.contains(text)) {
                return (place, entry.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "nothing with {text:?} behind {skip} of {entries:#?}");
            entries = self.more.wait_timeout(entries, left).unwrap().0;
        }
    }
}

/// The part of a configuration that makes an agent publish to `url`, on EC2, asking nobody.
pub fn publishing(url: &str) -> String {
    format!(
        "cloudwatch.endpoint_url = {url:?}\nidentity.instance_id = {INSTANCE:?}\nidentity.imds = false\n"
    )
}

fn wait(
    child: &mut Child,
    patience: Duration,
    said: impl FnOnce() -> String,
) -> (ExitStatus, Duration) {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return (status, start.elapsed());
        }
        if start.elapsed() > patience {
            let _ = child.kill();
            panic!("still running after {patience:?}; it said:\n{}", said());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// From its beginning: the child moved the place that both share.
fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Of the agents that publish.
pub const INSTANCE: &str = "i-0123456789abcdef0";
const STATE: &str = "state";
const RUNTIME: &str = "runtime";
const PATIENCE: Duration = Duration::from_secs(60);
