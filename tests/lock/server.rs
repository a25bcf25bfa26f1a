//! A private MariaDB server: its own folder, a free port, no password.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub struct Server {
    folder: TempDir,
    child: Child,
    port: u16,
}

impl Server {
    pub fn start() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let made = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--user=root", "--skip-test-db", "--innodb-use-native-aio=0"])
            .arg("--auth-root-authentication-method=normal")
            .arg(format!("--datadir={}", data.display()))
            .output()
            .expect("mariadb-install-db of the package mariadb-server");
        assert!(made.status.success(), "{made:?}");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("mariadbd")
            .args(["--no-defaults", "--user=root", "--skip-log-bin", "--skip-name-resolve"])
            .args(["--bind-address=127.0.0.1", "--innodb-buffer-pool-size=16M"])
            .args(["--innodb-use-native-aio=0"])
            .arg(format!("--port={port}"))
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--socket={}", folder.path().join("socket").display()))
            .arg(format!("--log-error={}", folder.path().join("log").display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Server { folder, child, port };
        let end = Instant::now() + PATIENCE;
        while !server.client("SELECT 1").status.success() {
            let log = std::fs::read_to_string(server.folder.path().join("log"));
            assert!(Instant::now() < end, "the server doesn't start: {log:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        server.query("CREATE USER ops@'%'");
        server
    }

    /// One for all tests that leave it as it is; it ends with the last of them.
    pub fn shared() -> Arc<Server> {
        let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Server::start());
            *shared = Arc::downgrade(&server);
            server
        })
    }

    pub fn url(&self) -> String {
        format!("mysql://ops@127.0.0.1:{}", self.port)
    }

    pub fn query(&self, sql: &str) -> String {
        let output = self.client(sql);
        assert!(output.status.success(), "{sql}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The connection that has the lock of `cwmem lock NAME`.
    pub fn holder(&self, name: &str) -> Option<u64> {
        self.query(&format!("SELECT IS_USED_LOCK('cwmem:lock:{name}')")).parse().ok()
    }

    pub fn kill_holder(&self, name: &str) {
        let id = self.holder(name).expect("somebody has the lock");
        self.query(&format!("KILL {id}"));
    }

    /// `STOP` or `CONT`.
    pub fn signal(&self, signal: &str) {
        super::send(self.child.id(), signal);
    }

    fn client(&self, sql: &str) -> Output {
        let socket: &Path = &self.folder.path().join("socket");
        Command::new("mariadb")
            .args(["--no-defaults", "--user=root", "--skip-column-names", "--batch"])
            .arg(format!("--socket={}", socket.display()))
            .args(["--execute", sql])
            .output()
            .expect("mariadb of the package mariadb-client")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
const PATIENCE: Duration = Duration::from_secs(60);
