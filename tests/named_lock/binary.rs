//! The real binary: whom it speaks to, what it says where, and what becomes of hostile names.

use crate::secrets::Certificates;
use crate::{PASSWORD, SOON, Server};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

use crate::support::agent::{Output, Setup};

/// A `[cluster]`, its password in a file beside it.
struct Cluster {
    folder: TempDir,
    host: &'static str,
    port: u16,
    user: &'static str,
    tls: String,
}

impl Cluster {
    fn new(host: &'static str, server: &Server, tls: String) -> Cluster {
        Cluster {
            folder: tempfile::tempdir().unwrap(),
            host,
            port: server.port(),
            user: "cwmem",
            tls,
        }
    }

    fn with_password(self, user: &'static str, password: &str) -> Cluster {
        std::fs::write(self.password_file(), format!("{password}\n")).unwrap();
        Cluster { user, ..self }
    }

    fn password_file(&self) -> PathBuf {
        self.folder.path().join("password")
    }

    fn config(&self) -> String {
        let Cluster { host, port, user, tls, .. } = self;
        let file = self.password_file();
        format!(
            "[cluster]\nname = \"web\"\ndatabase = \"mysql://{user}@{host}:{port}/cwmem\"\npassword_file = {file:?}\n{tls}\n"
        )
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Setup::new(&self.config()).arguments(arguments).output()
    }
}

#[test]
fn the_configured_security_is_that_of_every_command() {
    let (ours, others) = (Certificates::new(), Certificates::new());
    let with_tls = Server::start_with(&ours.options());
    let without = Server::shared();
    let verify = |ca: &Path| format!("tls_ca = {ca:?}");
    let [encrypt, off] = ["encrypt", "off"].map(|tls| format!("tls = {tls:?}"));
    for (server, host, tls, refusal) in [
        (&with_tls, "127.0.0.1", verify(&ours.authority()), None),
        (&with_tls, "127.0.0.1", encrypt.clone(), None),
        (&with_tls, "127.0.0.1", off.clone(), None),
        (&without, "127.0.0.1", off, None),
        (&with_tls, "127.0.0.1", verify(&others.authority()), Some("invalid peer certificate")),
        (&with_tls, "127.0.0.1", String::new(), Some("invalid peer certificate")),
        (
            &with_tls,
            "localhost",
            verify(&ours.authority()),
            Some("not valid for name \"localhost\""),
        ),
        (&without, "127.0.0.1", verify(&ours.authority()), Some("SSL")),
        (&without, "127.0.0.1", encrypt, Some("SSL")),
        (&with_tls, "127.0.0.1", verify(Path::new("/no/such/ca.pem")), Some("/no/such/ca.pem")),
    ] {
        let cluster = Cluster::new(host, server, tls).with_password("cwmem", PASSWORD);
        for arguments in [&["lock", "backup", "--", "true"][..], &["cluster", "init"]] {
            let output = cluster.run(arguments);
            let case = format!("{arguments:?} {}{output:?}", cluster.config());
            assert_eq!(output.code, Some(if refusal.is_none() { 0 } else { 69 }), "{case}");
            if let Some(refusal) = refusal {
                assert!(output.stderr.contains(refusal), "{case}");
                assert!(output.stderr.contains("tls_ca"), "{case}");
            }
            assert!(!format!("{output:?}").contains(PASSWORD), "{case}");
        }
    }
}

/// Not in what the processes say, nor in what anybody sees of them: arguments, and the environment
/// that a command inherits.
#[test]
fn a_password_is_seen_nowhere() {
    let server = Server::shared();
    server.say(&format!("CREATE USER teller@'%' IDENTIFIED BY '{UNSEEN}'"));
    server.say("GRANT ALL ON cwmem.* TO teller@'%'");
    let off = || "tls = \"off\"".to_owned();
    let right = Cluster::new("127.0.0.1", &server, off()).with_password("teller", UNSEEN);
    let wrong = Cluster::new("127.0.0.1", &server, off()).with_password("cwmem", UNSEEN);

    let look = "cat /proc/[0-9]*/cmdline /proc/self/environ 2>/dev/null | tr '\\0' ' '";
    let seen = right.run(&["lock", "look", "--", "sh", "-c", look]);
    assert_eq!(seen.code, Some(0), "{seen:?}");
    assert!(seen.stdout.contains("lock look") && seen.stdout.contains("CWMEM_LOCK_HELD=1"));
    let mut said = format!("{seen:?}");
    for cluster in [&right, &wrong] {
        for arguments in [
            &["lock", "--print-holder", "look", "--", "true"][..],
            &["cluster", "init"],
            &["cluster", "init", "--print"],
            &["cluster", "status"],
            &["cluster", "status", "--json"],
            &["check", "--offline"],
            &["explain"],
        ] {
            said += &format!("\n{:?}", cluster.run(arguments));
        }
    }
    // What a person may type by mistake.
    let typed = format!("mysql://cwmem:{UNSEEN}@127.0.0.1:{}/cwmem", server.port());
    let refused = Setup::new("").arguments(&["lock", "--database", &typed, "n", "--", "true"]);
    let refused = refused.output();
    assert_eq!(refused.code, Some(64), "{refused:?}");
    said += &format!("\n{refused:?}");

    for (cluster, sign) in [(&right, "is a member of"), (&wrong, "refuses the user")] {
        let config = format!("[publish]\nperiod = \"2s\"\n{}", cluster.config());
        let setup = Setup::publishing("http://127.0.0.1:9", &config);
        let agent = setup.variable("CWMEM_LOG", "debug");
        let (status, agent) = (agent.command_with(&["status", "--json"]), agent.start());
        agent.wait_for_line(sign, SOON);
        said += &format!("\n{}\n{}", agent.said(), status_of(status));
    }
    assert!(said.contains("password_file"), "{said}");
    assert!(!said.contains(UNSEEN), "{said}");
}

fn status_of(mut status: Command) -> String {
    let output = status.stdout(Stdio::piped()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("\"cluster\""), "{text}");
    text
}

#[test]
fn hostile_names_are_values_or_refused() {
    let server = Server::shared();
    let off = "tls = \"off\"".to_owned();
    let cluster = Cluster::new("127.0.0.1", &server, off).with_password("cwmem", PASSWORD);
    assert_eq!(cluster.run(&["cluster", "init"]).code, Some(0));
    for name in ["'); DROP TABLE cwmem_member; -- ", "a\\' OR '1'='1", "%s ? :name {}", "`\"'"] {
        let output = cluster.run(&["lock", name, "--", "echo", "ran"]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(0), "ran\n"), "{output:?}");
    }
    for name in ["", "a\nb", "é", "🔒"] {
        let output = cluster.run(&["lock", name, "--", "echo", "ran"]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(64), ""), "{output:?}");
    }
    for (key, value) in [
        ("name", "web'; DROP TABLE cwmem_member; -- "),
        ("database", "mysql://cwmem@127.0.0.1/cwmem`; DROP TABLE cwmem_member; -- "),
        ("database", "mysql://cw'mem@127.0.0.1/cwmem"),
        ("database", "mysql://cwmem@127.0.0.1/cwmem?ssl=false"),
    ] {
        let lines = cluster.config();
        let others = lines.lines().filter(|line| !line.starts_with(&format!("{key} =")));
        let config = others.collect::<Vec<_>>().join("\n") + &format!("\n{key} = {value:?}\n");
        let output = Setup::new(&config).arguments(&["cluster", "status"]).output();
        assert_eq!(output.code, Some(78), "{config}{output:?}");
    }

    // A member goes by its host's name, which is anybody's guess.
    let hostile = "db'); DROP TABLE cwmem_member; -- ";
    let config = format!(
        "[cloudwatch]\nendpoint_url = \"http://127.0.0.1:9\"\n[identity]\nec2 = false\nhost = {hostile:?}\n[publish]\nperiod = \"2s\"\n{}",
        cluster.config()
    );
    let agent = Setup::new(&config).start();
    let start = Instant::now();
    let members = || server.say("SELECT member FROM cwmem.cwmem_member");
    while members().is_empty() {
        assert!(start.elapsed() < SOON * 3, "{}", agent.said());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(members(), hostile.replace(' ', ""));
}

/// Of no other test's: all processes' arguments are looked at.
const UNSEEN: &str = "n0wh3re-to-be-seen";
