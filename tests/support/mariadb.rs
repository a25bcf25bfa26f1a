//! A MariaDB server of the test's own: its data in a temporary folder, its port a free one.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Gone when dropped, with its data.
pub struct Server {
    folder: TempDir,
    port: u16,
    child: Child,
}

impl Server {
    /// With a schema `cwmem`, and a user `cwmem` who may do everything in it.
    pub fn start() -> Server {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        install(&data);
        let init = folder.path().join("init.sql");
        std::fs::write(
            &init,
            "CREATE DATABASE IF NOT EXISTS cwmem;\nCREATE USER IF NOT EXISTS cwmem@'%' IDENTIFIED BY 'secret-word';\nGRANT ALL ON cwmem.* TO cwmem@'%';\n",
        )
        .unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = spawn(folder.path(), port);
        let server = Server { folder, port, child };
        server.wait();
        server
    }

    /// A `[cluster]` of this server, the file of the password included.
    pub fn config(&self) -> String {
        let password = self.folder.path().join("password");
        std::fs::write(&password, "secret-word\n").unwrap();
        format!(
            "[cluster]\nname = \"web\"\ntls = \"off\"\npassword_file = {password:?}\ndatabase = \"mysql://cwmem@127.0.0.1:{}/cwmem\"\n",
            self.port
        )
    }

    pub fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let kill = ["-c", "kill -s \"$1\" \"$2\"", "sh", signal, &id];
        assert!(Command::new("sh").args(kill).status().unwrap().success());
    }

    /// Without a schema.
    pub fn url(&self) -> String {
        format!("mysql://cwmem@127.0.0.1:{}", self.port)
    }

    /// Says something to the server as its root.
    pub fn say(&self, sql: &str) -> String {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "-N", "-B", "-u", "root", "-e", sql]);
        client.arg(format!("--socket={}", self.folder.path().join("socket").display()));
        let output = client.output().expect("mariadb-client, of tests/apt.txt, is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// `kill -9`, and up again with the same data.
    pub fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(self.folder.path(), self.port);
        self.wait();
    }

    fn wait(&self) {
        let start = Instant::now();
        let socket = self.folder.path().join("socket");
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(start.elapsed() < PATIENCE, "the server doesn't start");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One at a time, and again where it fails: several at once were seen to fail on a busy machine.
fn install(data: &Path) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut said = String::new();
    for _ in 0..3 {
        let _ = std::fs::remove_dir_all(data);
        let install = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"])
            .arg(format!("--datadir={}", data.display()))
            .args(["--user=root", "--innodb-use-native-aio=0"])
            .output();
        let output = install.expect("mariadb-server, of tests/apt.txt, is installed");
        if output.status.success() {
            return;
        }
        said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    }
    panic!("mariadb-install-db fails: {said}");
}

fn spawn(folder: &Path, port: u16) -> Child {
    let path = |name: &str| folder.join(name).display().to_string();
    Command::new("mariadbd")
        .args(["--no-defaults", "--user=root", "--skip-name-resolve", "--bind-address=127.0.0.1"])
        .args(["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--skip-log-bin"])
        .args(["--innodb-use-native-aio=0"])
        .arg(format!("--datadir={}", path("data")))
        .arg(format!("--socket={}", path("socket")))
        .arg(format!("--pid-file={}", path("pid")))
        .arg(format!("--init-file={}", path("init.sql")))
        .arg(format!("--port={port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("mariadb-server, of tests/apt.txt, is installed")
}

/// Of the user `cwmem`.
pub const PASSWORD: &str = "secret-word";
const PATIENCE: Duration = Duration::from_secs(30);
