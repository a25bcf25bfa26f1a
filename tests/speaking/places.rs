//! What is seen of a cluster from a machine without a configuration, by the database's URL.

use crate::support::mariadb::{PASSWORD, Server};
use std::process::Command;

#[test]
fn a_cluster_is_made_and_seen_by_its_url_alone() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let file = folder.path().join("password");
    std::fs::write(&file, PASSWORD).unwrap();
    let (url, file) = (format!("{}/cwmem", server.url()), file.to_str().unwrap());
    let run = |arguments: &[&str]| {
        let mut cwmem = Command::new(env!("CARGO_BIN_EXE_cwmem"));
        cwmem.arg("cluster").args(arguments).env("CWMEM_CONFIG", folder.path().join("none.toml"));
        let output = cwmem.output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!text.contains("hunter2") && !text.contains(PASSWORD), "{text}");
        (output.status.code().unwrap(), text)
    };
    let place = ["--database", &url, "--password-file", file];
    let with = |action: &'static str, more: &[&'static str]| {
        let arguments = [action].into_iter().chain(place).chain(more.iter().copied());
        run(&arguments.collect::<Vec<_>>())
    };
    assert_eq!(with("status", &["--name", "web"]).0, 69, "there are no tables");
    let (code, text) = with("init", &["--print"]);
    assert!(code == 0 && text.contains("CREATE TABLE") && text.contains("GRANT"), "{text}");
    assert_eq!(with("init", &[]).0, 0);
    let (code, text) = with("status", &["--name", "web"]);
    assert!(code == 1 && text.contains("no member of the cluster web"), "{text}");
    server.say("INSERT INTO cwmem.cwmem_cluster (cluster, period_length) VALUES ('web', 60)");
    let (code, text) = with("status", &["--name", "web", "--json"]);
    assert!(code == 0 && text.contains("\"period_seconds\": 60"), "{text}");

    let cases: [(&[&str], i32, &str); 6] = [
        (&["status", "--database", &url, "--password-file", file], 64, "--name"),
        (&["status", "--name", "web"], 64, "--database"),
        (&["init", "--database", "mysql://x:hunter2@db/cwmem"], 64, "--password-file"),
        (&["init", "--database", "mysql://cwmem@127.0.0.1"], 64, "schema"),
        (&["init", "--database", &url, "--password-file", "none"], 65, "none"),
        (&["status"], 78, "none.toml"),
    ];
    for (arguments, expected, part) in cases {
        let (code, text) = run(arguments);
        assert!(code == expected && text.contains(part), "{arguments:?}: {code} {text}");
    }
}
