//! A leader alone: what it says for its cluster is said in time, and once, whatever becomes of its
//! password, its disk and its process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "these are tests, in real time"
)]

mod support;

#[path = "speaking/passwords.rs"]
mod passwords;

use cwmem::cluster::schema::TABLES;
use std::path::Path;
use std::time::{Duration, Instant};
use support::agent::{Agent, Setup};
use support::cloudwatch::{Double, Series};
use support::mariadb::Server;

/// The only member of its cluster, with its database and its service.
struct Lonely {
    server: Server,
    double: Double,
    setup: Setup,
}

impl Lonely {
    /// `password`: the file that is named.
    fn new(password: impl FnOnce(&Server) -> std::path::PathBuf) -> Lonely {
        let (server, double) = (Server::start(), Double::start());
        for table in TABLES {
            server.say(&format!("USE cwmem; {table}"));
        }
        let config = format!(
            "cloudwatch.endpoint_url = {:?}\nidentity.instance_id = \"i-1\"\n\
             identity.imds = false\nsample.interval = \"500ms\"\npublish.period = \"6s\"\n\
             publish.every = \"6s\"\npressure.available_below = \"0%\"\n[cluster]\nname = \"web\"\n\
             tls = \"off\"\ndatabase = \"{}/cwmem\"\npassword_file = {:?}\n",
            double.url(),
            server.url(),
            password(&server)
        );
        Lonely { setup: Setup::new(&config), server, double }
    }

    fn start(&self) -> Agent {
        self.setup.start()
    }

    /// The start of the period that the member reported last.
    fn reported(&self) -> Option<i64> {
        self.server.say("SELECT MAX(period) FROM cwmem.cwmem_member").parse().ok()
    }
}

fn own() -> Series {
    Series::new("EC2/Memory", "MemoryUsedPercent").dimension("InstanceId", "i-1")
}

fn wait_for(what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + patience;
    while !is_so() {
        assert!(Instant::now() < end, "no {what} in {patience:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn write(path: &Path, text: &str) {
    let whole = path.with_extension("new");
    std::fs::write(&whole, text).unwrap();
    std::fs::rename(&whole, path).unwrap();
}

const PERIOD: Duration = Duration::from_secs(6);
