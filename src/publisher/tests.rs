//! The publisher's task with a real disk: what is kept, sent, and left for the next start.

use super::*;
use crate::clock::Timestamp;
use crate::distribution::Statistics;
use crate::identity::fixture::{Given, laptop};
use crate::owner::Owner;
use crate::publisher::fixture::settings;
use crate::sampler::Part;
use crate::sink::{Outcome, RetryCause};
use crate::spool::disk::Place;
use crate::spool::folder::OpenError;
use crate::units::Unit;
use crate::window::Figure;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

/// Takes everything, or nothing.
struct Service {
    works: bool,
    stored: Rc<RefCell<Vec<String>>>,
}

impl Sink for Service {
    async fn put(&mut self, batch: &Batch) -> Answer {
        let outcome = if self.works {
            let names = batch.datums.iter().map(|datum| datum.name.to_string());
            self.stored.borrow_mut().extend(names);
            Outcome::Accepted
        } else {
            let (cause, reason) = (RetryCause::Network, String::new());
            Outcome::Retry { cause, after: None, reason, ambiguous: false }
        };
        Answer { outcome, service_time: None }
    }
}

fn part(clock: &Clock, name: u64) -> Part {
    let now = clock.now();
    let period = now.wall.floor(Duration::from_secs(60));
    let statistics = Statistics::Values { values: [1.0].into(), counts: [10].into() };
    let name_of = format!("Metric{name}").into();
    let figure = Figure {
        name: name_of,
        publication: 0,
        unit: Unit::Percent,
        timestamp: period,
        statistics,
        beside: None,
    };
    Part { period, due: now.boot, ends: false, figures: vec![figure], through: name }
}

/// What a run of the task did: parts in, then a stop.
struct Run {
    summary: Summary,
    stored: Vec<String>,
    taken: u64,
    took: Duration,
}

fn run(root: Option<&Path>, works: bool, names: std::ops::Range<u64>) -> Run {
    #[expect(clippy::disallowed_methods, reason = "a test measures how long a stop takes")]
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stored = Rc::new(RefCell::new(Vec::new()));
    let service = Service { works, stored: stored.clone() };
    let (summary, taken) = runtime.block_on(async move {
        let clock = Clock::simulated(Timestamp(1_795_443_600_000), 1);
        let place = |root: &Path| Place {
            root: root.to_owned(),
            runtime: root.join("runtime"),
            owner: Owner::parse("machine-id:a"),
            boot_id: "boot-0".to_owned(),
        };
        let (disk, found) = match root {
            Some(root) => start(place(root), &clock).await,
            None => (None, None),
        };
        let identity = watch::channel(Given::default().on(&laptop())).1;
        let behind = Behind { settings: settings(), sink: service, identity };
        let (told_taken, taken) = watch::channel(0);
        let told = Told { taken: told_taken, backlog: watch::channel(None).0 };
        let (stop, deadline) = watch::channel(None);
        let random = fastrand::Rng::with_seed(7);
        let publisher = Publisher::new(
            clock.clone(),
            behind,
            Whose { owner: Owner::parse("machine-id:a"), boot_id: "boot-0".to_owned() },
            (disk, found),
            told,
            deadline,
            random,
        );
        let (parts, closed) = mpsc::unbounded_channel();
        for name in names {
            parts.send(Message::Part(part(&clock, name))).unwrap();
        }
        let producer = async {
            clock.sleep(Duration::from_secs(1)).await;
            stop.send_replace(Some(clock.now().boot.plus(Duration::from_secs(20))));
            clock.sleep(Duration::from_millis(100)).await;
            drop(parts);
        };
        let (summary, ()) = tokio::join!(publisher.run(closed), producer);
        (summary, *taken.borrow())
    });
    let stored = stored.borrow().clone();
    Run { summary, stored, taken, took: began.elapsed() }
}

/// The thread of the run before may still hold the lock for a moment.
async fn start(place: Place, clock: &Clock) -> (Option<Disk>, Option<Done>) {
    loop {
        let mut disk = Disk::start(place.clone()).unwrap();
        match disk.done.recv().await {
            Some(Done::Opened(Err(OpenError::Locked { .. }))) => {
                clock.sleep(Duration::from_millis(20)).await;
            }
            found => return (Some(disk), found),
        }
    }
}

/// That nothing more is to come is known at once, not when the grace time is over.
#[test]
fn a_stop_with_nothing_open_ends_at_once() {
    let temporary = tempfile::tempdir().unwrap();
    for root in [None, Some(temporary.path())] {
        let run = run(root, true, 0..0);
        assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
        let nothing = Summary { delivered: 0, dropped: 0, waiting: 0, undelivered: 0 };
        assert_eq!(run.summary, nothing);
    }
}

#[test]
fn what_is_not_delivered_is_there_for_the_next_start() {
    let temporary = tempfile::tempdir().unwrap();
    let first = run(Some(temporary.path()), false, 1..6);
    let waiting = Summary { delivered: 0, dropped: 0, waiting: 5, undelivered: 0 };
    assert_eq!((first.summary, first.taken), (waiting, 5));
    let second = run(Some(temporary.path()), true, 6..7);
    assert_eq!((second.summary.delivered, second.summary.waiting), (6, 0));
    let mut stored = second.stored;
    stored.sort();
    assert_eq!(stored, (1..7).map(|name| format!("Metric{name}")).collect::<Vec<_>>());
    let third = run(Some(temporary.path()), true, 0..0);
    assert_eq!((third.stored.len(), third.taken), (0, 6), "once, and the mark stays");
}

/// Without a disk, the summary says what is gone with the process.
#[test]
fn what_is_only_in_memory_is_told() {
    let lost = run(None, false, 1..4);
    assert_eq!((lost.summary.waiting, lost.summary.undelivered), (0, 3));
    assert_eq!(lost.taken, 0, "the recorder has it still");
    let sent = run(None, true, 1..4);
    assert_eq!((sent.summary.delivered, sent.summary.undelivered, sent.taken), (3, 0, 3));
}
