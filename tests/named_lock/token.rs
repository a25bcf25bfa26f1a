//! Logging in by IAM, the real binary: before a MariaDB server stands what asks for the password in
//! clear text, as RDS does, computes the token again, and lets in whoever has the right one.

use crate::secrets::{Certificates, receive, send};
use crate::support::agent::{Output, Setup};
use crate::{SOON, Server, runtime};
use std::io::Write;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What it heard as passwords, and what it thought of them.
type Heard = Arc<Mutex<Vec<(String, String)>>>;

/// Its port. It ends with the tests.
fn gate(server: u16, certificates: &Certificates, heard: Heard) -> u16 {
    let acceptor = certificates.acceptor();
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let passed = pass(client, server, acceptor.clone(), port, heard.clone());
                tokio::task::spawn_local(passed);
            }
        });
    });
    port
}

async fn pass(mut client: TcpStream, server: u16, tls: TlsAcceptor, port: u16, heard: Heard) {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await.unwrap();
    let mut greeting = receive(&mut server).await;
    // After the version's zero: id, half a scramble, a zero, then the capabilities' lower half.
    let capabilities = greeting.iter().position(|byte| *byte == 0).unwrap() + 1 + 4 + 8 + 1;
    greeting[capabilities + 1] |= CLIENT_SSL;
    send(&mut client, 0, &greeting).await;
    receive(&mut client).await;
    let Ok(mut client) = tls.accept(client).await else { return };
    let mut log_in = receive(&mut client).await;
    send(&mut client, 3, b"\xfemysql_clear_password\0").await;
    let token = receive(&mut client).await;
    let token = String::from_utf8(token.strip_suffix(b"\0").unwrap().to_vec()).unwrap();
    let verdict = verdict(&token, port);
    heard.lock().unwrap().push((token, verdict.clone()));
    if verdict != "good\n" {
        let refusal = b"\xff\x15\x04#28000Access denied for user 'iam'";
        return send(&mut client, 5, refusal).await;
    }
    // To the server goes the same without TLS, and without a password.
    log_in[1] &= !CLIENT_SSL;
    let name = HEAD + log_in[HEAD..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let length = usize::from(log_in[name]);
    log_in.splice(name..=name + length, [0]);
    send(&mut server, 1, &log_in).await;
    let answer = receive(&mut server).await;
    send(&mut client, 5, &answer).await;
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

fn verdict(token: &str, port: u16) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/named_lock/token.py");
    let mut python = Command::new("python3");
    python.args([script, &format!("127.0.0.1:{port}"), "iam", "eu-central-1"]);
    python.args(["AKIDEXAMPLE", "secret-example", SESSION]);
    python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut python = python.spawn().unwrap();
    python.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn iam_lets_the_binary_in() {
    let (server, certificates) = (Server::shared(), Certificates::new());
    server.say("CREATE USER iam@'%'; GRANT ALL ON cwmem.* TO iam@'%'");
    let heard = Heard::default();
    let port = gate(server.port(), &certificates, heard.clone());
    let config = format!(
        "[cloudwatch]\nendpoint_url = \"http://127.0.0.1:9\"\n[identity]\nec2 = false\nimds = false\nhost = \"teller\"\n[publish]\nperiod = \"2s\"\n[cluster]\nname = \"tokens\"\ndatabase = \"mysql://iam@127.0.0.1:{port}/cwmem\"\ntls_ca = {:?}\niam_auth = true\n",
        certificates.authority()
    );
    let setup = || Setup::new(&config).variable("AWS_SESSION_TOKEN", SESSION);
    let mut said = String::new();
    let mut run = |setup: Setup, arguments: &[&str]| -> Output {
        let output = setup.arguments(arguments).output();
        said += &format!("{output:?}\n");
        output
    };
    let lock = ["lock", "backup", "--", "sh", "-c", "cat /proc/$PPID/cmdline; echo; env"];
    for arguments in [&["cluster", "init"][..], &lock] {
        let output = run(setup(), arguments);
        assert_eq!(output.code, Some(0), "{output:?} {heard:?}");
    }
    let status = run(setup(), &["cluster", "status"]);
    assert!(status.stderr.contains("no member of the cluster tokens"), "{status:?}");

    // An agent makes a token for each of its connections.
    let agent = setup().variable("CWMEM_LOG", "debug").start();
    let members = "SELECT COUNT(*) FROM cwmem.cwmem_member WHERE cluster = 'tokens'";
    let start = Instant::now();
    while server.say(members) == "0" {
        assert!(start.elapsed() < SOON * 3, "{}", agent.said());
        std::thread::sleep(Duration::from_millis(50));
    }
    let log = agent.said();
    drop(agent);

    // Another's secret; no credentials at all.
    let wrong = run(setup().variable("AWS_SECRET_ACCESS_KEY", "another"), &lock);
    assert_eq!(wrong.code, Some(69), "{wrong:?}");
    assert!(wrong.stderr.contains("rds-db:connect"), "{wrong:?}");
    let none = setup().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    let none = run(none, &lock);
    assert_eq!(none.code, Some(69), "{none:?}");
    assert!(none.stderr.contains("no AWS credentials"), "{none:?}");

    let heard = heard.lock().unwrap();
    let good = heard.iter().filter(|(_, verdict)| verdict == "good\n").count();
    println!("{good} log-ins by a token, {} refused", heard.len() - good);
    assert!(good >= 4 && heard.len() - good == 2, "{heard:?}");
    for (token, _) in heard.iter() {
        let signature = token.rsplit_once("X-Amz-Signature=").unwrap().1;
        assert!(signature.len() >= 64 && !said.contains(&signature[..64]), "{said}");
        assert!(!log.contains(&signature[..64]), "{log}");
    }
    assert!(!log.contains(SESSION) && !log.contains("secret-example"), "{log}");
}

/// "Protocol::HandshakeResponse41": up to the user's name.
const HEAD: usize = 32;
/// In the second byte of the capabilities.
const CLIENT_SSL: u8 = 0x08;
const SESSION: &str = "AQoDYXdzEPT//////////wEXAMPLE+tc/aw==";
