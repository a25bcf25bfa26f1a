//! A cluster of thousands of members, simulated in one process against a real server: each has the
//! real role, says the real statements on connections of its own, and is timed.

#![allow(dead_code, reason = "the example and the test each use their part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test support")]

mod member;
mod server;
mod tally;

pub use tally::{Kind, Tally};

use cwmem::clock::Clock;
use cwmem::cluster::database::{Database, Options, Tls};
use cwmem::cluster::name::LockName;
use cwmem::cluster::schema;
use cwmem::cluster::summary::Patience;
use cwmem::cluster::timing::Timing;
use server::Process;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::LocalSet;

/// What is to be simulated.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `mysql://user@host:port/schema`.
    pub url: String,
    pub password: Option<String>,
    pub members: u64,
    /// As it is lived through: a minute that is run ten times as fast is a period of 6 s.
    pub period: Duration,
    /// Periods that are measured, after two that aren't.
    pub periods: u32,
    pub seed: u64,
}

/// What came of it.
pub struct Outcome {
    pub tally: Tally,
    pub measured: Duration,
    pub server: server::Figures,
    /// This process's own processor time.
    pub own_cpu: Duration,
}

/// What all members share.
struct World {
    clock: Clock,
    cluster: &'static str,
    lock: LockName,
    database: Database,
    timing: Timing,
    patience: Patience,
    tally: RefCell<Tally>,
}

/// Lives through the plan; what goes wrong before the members begin is for people.
pub fn run(plan: &Plan) -> Result<Outcome, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    LocalSet::new().block_on(&runtime, live(plan))
}

async fn live(plan: &Plan) -> Result<Outcome, String> {
    let timing = Timing::new(plan.period).map_err(|error| error.to_string())?;
    let database = |wait_timeout, limit| {
        let options = Options {
            password: plan.password.clone(),
            password_file: None,
            tls: Tls::Off,
            wait_timeout,
            statement_limit: Some(limit),
        };
        Database::from_url(&plan.url, options).map_err(|error| error.to_string())
    };
    let mut watcher = database(PATIENCE * 100, PATIENCE)?
        .connect(PATIENCE)
        .await
        .map_err(|error| error.to_string())?;
    for table in schema::TABLES {
        watcher.run(table).await.map_err(|error| error.to_string())?;
    }
    // Rows of an earlier run would be missing members.
    for table in ["cwmem_member", "cwmem_cluster"] {
        let delete = format!("DELETE FROM {table} WHERE cluster='{CLUSTER}'");
        watcher.run(&delete).await.map_err(|error| error.to_string())?;
    }
    let world = Rc::new(World {
        clock: Clock::System,
        cluster: CLUSTER,
        lock: LockName::leader(plan.url.rsplit('/').next().unwrap_or_default(), CLUSTER),
        database: database(timing.wait_timeout(), timing.statement_deadline())?,
        timing,
        patience: Patience::of(&timing),
        tally: RefCell::default(),
    });
    let mut random = fastrand::Rng::with_seed(plan.seed);
    let members: Vec<_> = (0..plan.members)
        .map(|number| tokio::task::spawn_local(member::live(number, random.f64(), world.clone())))
        .collect();
    world.clock.sleep(plan.period * WARM_UP).await;
    let mut process = Process::of_server(&mut watcher).await;
    let (before, own) = (process.figures(&mut watcher).await?, Process::own().cpu());
    world.tally.borrow_mut().begin(world.clock.now());
    world.clock.sleep(plan.period * plan.periods).await;
    let after = process.figures(&mut watcher).await?;
    let own_cpu = Process::own().cpu().saturating_sub(own);
    for member in members {
        member.abort();
    }
    let tally = world.tally.take();
    let measured = world.clock.now().boot.since(tally.began());
    Ok(Outcome { tally, measured, server: after.since(&before), own_cpu })
}

const CLUSTER: &str = "fleet";
/// Until everybody has visited and somebody leads.
const WARM_UP: u32 = 2;
/// With the server, before it is under load.
const PATIENCE: Duration = Duration::from_secs(10);
