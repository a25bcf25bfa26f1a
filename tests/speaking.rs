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

#[path = "speaking/kills.rs"]
mod kills;
#[path = "speaking/passwords.rs"]
mod passwords;
#[path = "speaking/places.rs"]
mod places;

use cwmem::cluster::schema::TABLES;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};
use support::agent::{Agent, Setup};
use support::cloudwatch::{Double, Seen, Series};
use support::mariadb::Server;
use tempfile::TempDir;

/// The only member of its cluster, with its database and its service.
struct Lonely {
    server: Server,
    double: Double,
    setup: Setup,
    folder: TempDir,
}

impl Lonely {
    /// Its password isn't there yet.
    fn new() -> Lonely {
        let (server, double) = (Server::start(), Double::start());
        let folder = tempfile::tempdir().unwrap();
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
            folder.path().join("password")
        );
        Lonely { setup: Setup::new(&config), server, double, folder }
    }

    fn password(&self) -> PathBuf {
        self.folder.path().join("password")
    }

    /// At once, as a file of another name that takes the place.
    fn set_password(&self, text: &str) {
        let whole = self.folder.path().join("new");
        std::fs::write(&whole, text).unwrap();
        std::fs::rename(&whole, self.password()).unwrap();
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

/// How often each period of the cluster was said.
fn said(seen: &Seen) -> BTreeMap<SystemTime, u64> {
    let series = Series::new("EC2/Memory", "ClusterMembers").dimension("Cluster", "web");
    let periods = seen.periods(&series, PERIOD).into_iter();
    periods.map(|(period, said)| (period, said.sample_count as u64)).collect()
}

const PERIOD: Duration = Duration::from_secs(6);
