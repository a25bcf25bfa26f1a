//! A MariaDB server of the test's own: its data in a temporary folder, its port a free one. MySQL
//! where `tests/unpack-mysql.sh` could unpack it.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Gone when dropped, with its data.
pub struct Server {
    folder: TempDir,
    port: u16,
    child: Child,
    family: Family,
    options: Vec<String>,
}

/// Whose server it is.
#[derive(Clone)]
enum Family {
    MariaDb,
    /// Below this folder, with the libraries that it needs.
    MySql(PathBuf),
}

impl Server {
    /// With a schema `cwmem`, and a user `cwmem` who may do everything in it.
    pub fn start() -> Server {
        Server::start_with(&[])
    }

    /// With options of the server's own, as `--max-connections=10`.
    pub fn start_with(options: &[String]) -> Server {
        Server::start_of(Family::MariaDb, options)
    }

    /// `None` where MySQL isn't unpacked.
    pub fn start_mysql(options: &[String]) -> Option<Server> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/mysql/root");
        let exists = root.join("usr/sbin/mysqld").exists();
        exists.then(|| Server::start_of(Family::MySql(root), options))
    }

    /// One for all tests of a program that leave it as it is; it ends with the last of them.
    pub fn shared() -> Arc<Server> {
        let mut shared = MARIADB.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Server::start());
            *shared = Arc::downgrade(&server);
            server
        })
    }

    fn shared_mysql() -> Option<Arc<Server>> {
        let mut shared = MYSQL.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return Some(server);
        }
        let server = Arc::new(Server::start_mysql(&[])?);
        *shared = Arc::downgrade(&server);
        Some(server)
    }

    /// MariaDB always, and MySQL where it is unpacked, shared; standard error says so once, past what
    /// a test's output is captured by.
    pub fn each() -> Vec<Arc<Server>> {
        static ONCE: Once = Once::new();
        let mut servers = vec![Server::shared()];
        servers.extend(Server::shared_mysql());
        ONCE.call_once(|| {
            let versions: Vec<String> = servers.iter().map(|server| server.version()).collect();
            let without_mysql = match servers.len() {
                1 => "; NOT on MySQL, which tests/unpack-mysql.sh has not unpacked in target/mysql",
                _ => "",
            };
            let line =
                format!("named locks: tested on {}{without_mysql}\n", versions.join(" and "));
            std::io::stderr().write_all(line.as_bytes()).unwrap();
        });
        servers
    }

    /// MariaDB, and MySQL where it is unpacked, of the test's own.
    pub fn start_each(options: &[String]) -> Vec<Server> {
        let mut servers = vec![Server::start_with(options)];
        servers.extend(Server::start_mysql(options));
        servers
    }

    /// Such as `MariaDB 10.11.14`.
    pub fn version(&self) -> String {
        let version = self.say("SELECT @@version");
        let number = version.split('-').next().unwrap();
        match self.family {
            Family::MariaDb => format!("MariaDB {number}"),
            Family::MySql(_) => format!("MySQL {number}"),
        }
    }

    fn start_of(family: Family, options: &[String]) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        install(&family, &data);
        let init = folder.path().join("init.sql");
        std::fs::write(
            &init,
            "CREATE DATABASE IF NOT EXISTS cwmem;\nCREATE USER IF NOT EXISTS cwmem@'%' IDENTIFIED BY 'secret-word';\nGRANT ALL ON cwmem.* TO cwmem@'%';\n",
        )
        .unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = spawn(&family, folder.path(), port, options);
        let server = Server { folder, port, child, family, options: options.to_vec() };
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

    /// SIGSTOP; every thread stands still when this returns.
    pub fn freeze(&self) {
        self.signal("STOP");
        let start = Instant::now();
        let is_running = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("stat"));
            stat.is_ok_and(|stat| !stat.rsplit_once(") ").unwrap().1.starts_with('T'))
        };
        let tasks = format!("/proc/{}/task", self.child.id());
        while std::fs::read_dir(&tasks).unwrap().any(is_running) {
            assert!(start.elapsed() < PATIENCE, "the server doesn't stand still");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Without a schema.
    pub fn url(&self) -> String {
        format!("mysql://cwmem@127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
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
        self.child = spawn(&self.family, self.folder.path(), self.port, &self.options);
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
/// MySQL takes seconds, so that what it made is kept beside it and copied.
fn install(family: &Family, data: &Path) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Family::MySql(root) = family else {
        let mut install = Command::new("mariadb-install-db");
        // Forced, it doesn't ask whether this machine's name can be looked up: some have none.
        install.args(["--no-defaults", "--skip-test-db", "--force"]);
        install.arg("--auth-root-authentication-method=normal");
        return install_by(&mut install, data);
    };
    let kept = root.with_file_name("data");
    if !kept.exists() {
        // Another program's tests may be about it at the same time.
        let own = root.with_file_name(format!("data.{}", std::process::id()));
        let mut install = mysqld(root);
        install.args(["--initialize-insecure", "--innodb-redo-log-capacity=16M"]);
        install_by(&mut install, &own);
        let _ = std::fs::rename(&own, &kept);
    }
    let copied = Command::new("cp").arg("-a").args([&kept, data]).status().unwrap();
    assert!(copied.success());
}

fn install_by(install: &mut Command, data: &Path) {
    install.arg(format!("--datadir={}", data.display()));
    install.args(["--user=root", "--innodb-use-native-aio=0"]);
    let mut said = String::new();
    for _ in 0..3 {
        let _ = std::fs::remove_dir_all(data);
        let output = install.output().expect("mariadb-server, of tests/apt.txt, is installed");
        if output.status.success() {
            return;
        }
        said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    }
    panic!("the server's data can't be installed: {said}");
}

fn spawn(family: &Family, folder: &Path, port: u16, options: &[String]) -> Child {
    let path = |name: &str| folder.join(name).display().to_string();
    let mut server = match family {
        Family::MariaDb => {
            let mut server = Command::new("mariadbd");
            server.args(["--no-defaults", "--innodb-log-file-size=8M"]);
            server
        }
        Family::MySql(root) => {
            let mut server = mysqld(root);
            server.args(["--innodb-redo-log-capacity=16M", "--mysqlx=OFF"]);
            server
        }
    };
    server
        .args(["--user=root", "--skip-name-resolve", "--bind-address=127.0.0.1"])
        .args(["--innodb-buffer-pool-size=16M", "--skip-log-bin", "--innodb-use-native-aio=0"])
        .arg(format!("--datadir={}", path("data")))
        .arg(format!("--socket={}", path("socket")))
        .arg(format!("--pid-file={}", path("pid")))
        .arg(format!("--init-file={}", path("init.sql")))
        .arg(format!("--port={port}"))
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("mariadb-server, of tests/apt.txt, is installed")
}

/// Through the loader that it was unpacked with: this system's libraries are older.
fn mysqld(root: &Path) -> Command {
    let libraries = root.join("usr/lib/x86_64-linux-gnu");
    let mut command = Command::new(libraries.join("ld-linux-x86-64.so.2"));
    command.arg("--library-path").arg(&libraries).arg(root.join("usr/sbin/mysqld"));
    command.args(["--no-defaults", "--secure-file-priv="]);
    command.arg(format!("--lc-messages-dir={}", root.join("usr/share/mysql").display()));
    command
}

static MARIADB: Mutex<Weak<Server>> = Mutex::new(Weak::new());
static MYSQL: Mutex<Weak<Server>> = Mutex::new(Weak::new());

/// Of the user `cwmem`.
pub const PASSWORD: &str = "secret-word";
const PATIENCE: Duration = Duration::from_secs(30);
