//! One simulated member: does what its role says, as an agent's member does, and times it.

use super::World;
use super::tally::Kind;
use cwmem::cluster::database::Connection;
use cwmem::cluster::fold::fold;
use cwmem::cluster::named_lock::{LockError, NamedLock};
use cwmem::cluster::role::{Beat, Cluster, Heard, Role, Step};
use cwmem::cluster::statements::{self, Report, Statement};
use cwmem::cluster::talk;
use cwmem::distribution::Statistics;
use std::rc::Rc;
use std::time::Duration;

struct Member {
    name: String,
    random: fastrand::Rng,
    role: Role,
    link: Link,
    world: Rc<World>,
}

/// The connection there is, counted as long as it is open.
enum Link {
    None,
    Visit(Connection, Open),
    Lock(NamedLock<Connection>, Open),
}

/// For people.
type Failure = String;

pub(super) async fn live(number: u64, place: f64, world: Rc<World>) {
    let role = Role::new(world.timing, place);
    let random = fastrand::Rng::with_seed(number);
    let name = format!("i-{number:017x}");
    let mut member = Member { name, random, role, link: Link::None, world };
    loop {
        let now = member.world.clock.now();
        let step = member.role.next(now);
        if matches!(member.link, Link::Visit(..)) && !matches!(step, Step::TryLock { .. }) {
            member.end_visit().await;
        }
        match step {
            Step::Wait(until) => member.world.clock.sleep(until.since(now.boot)).await,
            Step::Close => member.link = Link::None,
            Step::Ended => return,
            step => {
                let limit = step.by().since(now.boot);
                let heard = tokio::time::timeout(limit, member.act(step)).await;
                let heard = heard.unwrap_or_else(|_| Err(format!("no answer in time: {step:?}")));
                let heard = heard.unwrap_or_else(|failure| {
                    member.link = Link::None;
                    member.world.tally.borrow_mut().failed(failure);
                    Heard::Failed
                });
                member.role.heard(heard, member.world.clock.now());
            }
        }
    }
}

impl Member {
    async fn act(&mut self, step: Step) -> Result<Heard, Failure> {
        let world = self.world.clone();
        let (cluster, timing) = (world.cluster, &world.timing);
        match step {
            Step::Visit { period, by } => {
                let limit = by.since(world.clock.now().boot);
                return self
                    .timed(Kind::Visit, async |member: &mut Member| {
                        member.visit(period, limit).await
                    })
                    .await;
            }
            Step::TryLock { .. } => return self.try_lock().await,
            Step::Heartbeat { .. } => {
                let beat = statements::heartbeat(world.lock.as_str());
                let row = self
                    .timed(Kind::Heartbeat, async |member: &mut Member| {
                        talk::row(member.session()?, &beat).await.map_err(words)
                    })
                    .await?;
                return Ok(Heard::Beat(Beat {
                    held: row.integer(0) == Some(1),
                    read_only: row.integer(1) == Some(1),
                    database_millis: row.needed(2).map_err(words)?,
                }));
            }
            Step::Claim { period, .. } => {
                let claim = statements::claim(cluster, &self.name, period, timing);
                return Ok(Heard::Claimed(self.change(Kind::Claim, &claim).await? == 1));
            }
            Step::Fold { period, .. } => self.fold(period).await?,
            Step::Report { period, .. } => {
                let report = self.report(period);
                let upsert = statements::upsert(cluster, &self.name, &report);
                self.change(Kind::Upsert, &upsert).await?;
            }
            Step::Note { period, .. } => {
                let published = statements::published(cluster, &self.name, period);
                self.change(Kind::Note, &published).await?;
            }
            Step::Release { .. } => {
                if let Link::Lock(lock, _open) = std::mem::replace(&mut self.link, Link::None) {
                    drop(lock.release().await.map_err(words)?);
                }
            }
            // Nobody here stops in order.
            Step::Deregister { .. } | Step::Wait(_) | Step::Close | Step::Ended => {}
        }
        Ok(Heard::Done)
    }

    async fn visit(&mut self, period: i64, limit: Duration) -> Result<Heard, Failure> {
        let world = self.world.clone();
        let open = Open::new(&world);
        let mut connection = self
            .timed(Kind::Connect, async |_| world.database.connect(limit).await.map_err(words))
            .await?;
        let report = self.report(period);
        let upsert = statements::upsert(world.cluster, &self.name, &report);
        let look = statements::look(world.cluster);
        self.timed(Kind::Upsert, async |_| {
            talk::change(&mut connection, &upsert).await.map_err(words)
        })
        .await?;
        let mut row = self
            .timed(Kind::Look, async |_| talk::row(&mut connection, &look).await.map_err(words))
            .await?;
        if row.integer(0).is_none() {
            let register = statements::register(world.cluster, &world.timing);
            talk::change(&mut connection, &register).await.map_err(words)?;
            row = talk::row(&mut connection, &look).await.map_err(words)?;
        }
        let seen = Cluster {
            period_length: u32::try_from(row.needed(0).map_err(words)?).unwrap_or(0),
            claim_age_millis: row.integer(1),
            read_only: row.integer(2) == Some(1),
            database_millis: row.needed(3).map_err(words)?,
        };
        self.link = Link::Visit(connection, open);
        Ok(Heard::Visited(seen))
    }

    async fn end_visit(&mut self) {
        if let Link::Visit(connection, _open) = std::mem::replace(&mut self.link, Link::None) {
            connection.end().await;
        }
    }

    async fn try_lock(&mut self) -> Result<Heard, Failure> {
        let Link::Visit(connection, open) = std::mem::replace(&mut self.link, Link::None) else {
            return Err(words("the connection is gone"));
        };
        match NamedLock::try_acquire(connection, &self.world.lock).await {
            Ok(lock) => {
                self.link = Link::Lock(lock, open);
                Ok(Heard::Locked(true))
            }
            // One process stands for all members: here the lock is refused before the server is asked.
            Err(LockError::Held { .. } | LockError::HeldHere { .. }) => Ok(Heard::Locked(false)),
            Err(error) => Err(words(error)),
        }
    }

    /// The summary counts as delivered at once.
    async fn fold(&mut self, period: i64) -> Result<(), Failure> {
        let world = self.world.clone();
        let folded = self
            .timed(Kind::Fold, async |member: &mut Member| {
                let patience = &world.patience;
                fold(member.session()?, world.cluster, period, patience).await.map_err(words)
            })
            .await?;
        let reported = folded.figures().iter().find_map(|figure| match &figure.statistics {
            Statistics::Values { counts, .. } if figure.name == "ClusterMemoryUsedPercent" => {
                Some(counts.iter().sum::<u64>())
            }
            _ => None,
        });
        world.tally.borrow_mut().spoke(period, reported.unwrap_or(0), folded.rows());
        if folded.forgotten() > 0 {
            let seconds = world.patience.forget_after.as_secs();
            self.change(Kind::Forget, &statements::forget(world.cluster, seconds)).await?;
        }
        self.role.delivered(period);
        Ok(())
    }

    async fn change(&mut self, kind: Kind, statement: &Statement) -> Result<u64, Failure> {
        self.timed(kind, async |member: &mut Member| {
            talk::change(member.session()?, statement).await.map_err(words)
        })
        .await
    }

    fn session(&mut self) -> Result<&mut Connection, Failure> {
        match &mut self.link {
            Link::Lock(lock, _) => Ok(lock.session()),
            Link::Visit(..) | Link::None => Err(words("the connection is gone")),
        }
    }

    async fn timed<T>(
        &mut self,
        kind: Kind,
        action: impl AsyncFnOnce(&mut Member) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let world = self.world.clone();
        let start = world.clock.now().boot;
        let done = action(self).await?;
        let now = world.clock.now().boot;
        world.tally.borrow_mut().took(kind, now, now.since(start));
        Ok(done)
    }

    /// Of a host with 16 GiB.
    fn report(&mut self, period: i64) -> Report {
        let usable = 16u64 << 30;
        let available = self.random.u64(0..=usable);
        Report {
            period,
            usable,
            available,
            used_percent: 100.0 * (1.0 - available as f64 / usable as f64),
            stall_percent: Some(self.random.f64()),
            under_pressure: self.random.u8(0..20) == 0,
        }
    }
}

struct Open(Rc<World>);

impl Open {
    fn new(world: &Rc<World>) -> Open {
        world.tally.borrow_mut().opened();
        Open(world.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.tally.borrow_mut().closed();
    }
}

fn words(error: impl ToString) -> Failure {
    error.to_string()
}
