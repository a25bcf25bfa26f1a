//! The desk against a service that fails, refuses and tells the time as told, and a disk that is
//! late, full, broken or absent, through crashes and restarts.

use super::*;
use crate::batch::MAX_BYTES;
use crate::distribution::Statistics;
use crate::identity::dress::Publications;
use crate::identity::fixture::{Given, document, laptop, set, xen};
use crate::publisher::fixture::settings;
use crate::sink::{Answer, Outcome, RetryCause};
use crate::spool::disk::{Done, Loaded, Lost};
use crate::spool::folder::OpenError;
use crate::spool::inventory::Found;
use crate::spool::text::{self, Head};
use crate::spool::{Filed, Job};
use crate::units::Unit;
use crate::window::Figure;
use proptest::prelude::*;
use std::collections::BTreeSet;

const NOW: Timestamp = Timestamp(1_795_443_600_000);
const PERIOD: i64 = 60_000;

fn whose(boot_id: &str) -> Whose {
    Whose { owner: Owner::parse("machine-id:a"), boot_id: boot_id.to_owned() }
}

fn moment(seconds: u64) -> Moment {
    let wall = NOW.plus(Duration::from_secs(seconds));
    Moment { wall, boot: Boottime(0).plus(Duration::from_secs(1_000 + seconds)) }
}

fn part(period: Timestamp, through: u64, due: Boottime, names: std::ops::Range<usize>) -> Part {
    let figure = |name| Figure {
        name: format!("Metric{name}").into(),
        publication: 0,
        unit: Unit::Percent,
        timestamp: period,
        statistics: Statistics::Values { values: [1.0].into(), counts: [10].into() },
        beside: None,
    };
    let figures = names.map(figure).collect();
    Part { period, due, ends: false, figures, through }
}

/// `Metric7|Host`
fn name(datum: &Datum) -> String {
    let dimensions: Vec<_> = datum.dimensions.iter().map(|pair| pair.name.as_str()).collect();
    format!("{}|{}", datum.name, dimensions.join(","))
}

/// What a content is worth: what waits counts as what it would become.
fn names_of(content: &Content) -> BTreeSet<String> {
    let mut names: BTreeSet<_> = content.datums.iter().map(name).collect();
    if let Some(pending) = &content.pending {
        names.extend(pending.figures().map(|figure| format!("{}|InstanceId", figure.name)));
    }
    names
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Works,
    /// Holds so many KiB.
    Full(u64),
    Broken,
}

/// The state directory as `Folder` treats it.
#[derive(Default)]
struct Model {
    files: BTreeMap<Key, (u32, Head, Content)>,
    taken: u64,
    queue: VecDeque<Order>,
    quarantined: Vec<String>,
    opened: bool,
}

impl Model {
    fn found(&mut self) -> Found {
        self.opened = true;
        let filed = |(key, (kib, _, content)): (&Key, &(u32, Head, Content))| Filed {
            key: *key,
            kib: *kib,
            pending: content.waits(),
        };
        let files: Vec<_> = self.files.iter().map(filed).collect();
        let newest = files.iter().map(|file| file.key.through).max().unwrap_or(0);
        Found { files, taken_through: self.taken.max(newest), ..Found::default() }
    }

    fn remove(&mut self, key: Key) {
        self.files.remove(&key);
        self.taken = self.taken.max(key.through);
    }

    /// Does the first order; says what became of it.
    fn work(&mut self, state: State, boot_id: &str) -> Vec<Done> {
        let Some(order) = self.queue.pop_front() else { return Vec::new() };
        let broken = state == State::Broken;
        match order {
            Order::Spool(Job::Write { key, closed, content }) => {
                let head = Head::new("machine-id:a", boot_id, key.through, closed);
                let kib = text::write(&head, &content).len().div_ceil(4_096) as u32 * 4;
                let used: u64 = self.files.values().map(|(kib, ..)| u64::from(*kib)).sum();
                let full = matches!(state, State::Full(room) if used + u64::from(kib) > room);
                if broken || full {
                    let reason = "as told".to_owned();
                    return vec![Done::NotWritten { key, full, reason }];
                }
                let late = (!self.opened).then(|| Done::Opened(Ok(self.found())));
                self.files.insert(key, (kib, head, content));
                late.into_iter().chain([Done::Written { key, kib }]).collect()
            }
            Order::Spool(Job::Mark { .. }) => Vec::new(),
            Order::Spool(Job::Replace { key, closed, content }) => {
                let file = self.files.get_mut(&key).expect("it was written");
                let head = Head::new("machine-id:a", boot_id, key.through, closed);
                *file = (file.0, head, content);
                Vec::new()
            }
            Order::Spool(Job::Remove { key }) => {
                self.remove(key);
                Vec::new()
            }
            Order::Spool(Job::Drop { file, cause }) => {
                let (_, head, content) = &self.files[&file.key];
                let closed = Some((head.closed(), head.boot_id.clone()));
                let datums = content.len();
                self.remove(file.key);
                vec![Done::Dropped { cause, closed, datums }]
            }
            Order::Spool(Job::Load { files }) => {
                let load = |file: Filed| {
                    let content = self.files.get(&file.key).cloned();
                    let content = content.map(|(_, head, content)| (head, content));
                    let gone =
                        || Lost { cause: None, reason: "gone".to_owned(), datums: 0, later: false };
                    Loaded { file, content: content.ok_or_else(gone) }
                };
                vec![Done::Loaded(files.into_iter().map(load).collect())]
            }
            Order::Quarantine { datum, .. } => {
                self.quarantined.push(datum);
                Vec::new()
            }
            Order::Own { .. } | Order::CopyRecorder | Order::Run(_) => Vec::new(),
        }
    }
}

#[derive(Debug, Clone)]
enum Act {
    Keep { figures: usize, period: i64, due: u64 },
    Pass(u64),
    Disk(u8),
    State(State),
    Open(bool),
    Accept,
    Fail,
    Silence { stored: bool },
    Learn,
    Crash { reboot: bool, done: u8, opens: bool },
}

fn any_act() -> impl Strategy<Value = Act> {
    let state = prop_oneof![
        3 => Just(State::Works),
        1 => (0u64..40).prop_map(State::Full),
        1 => Just(State::Broken),
    ];
    prop_oneof![
        8 => (1usize..6, -5i64..5, 0u64..20)
            .prop_map(|(figures, period, due)| Act::Keep { figures, period, due }),
        1 => (100usize..400, -5i64..5, 0u64..20)
            .prop_map(|(figures, period, due)| Act::Keep { figures, period, due }),
        6 => (1u64..40).prop_map(Act::Pass),
        12 => (1u8..6).prop_map(Act::Disk),
        2 => state.prop_map(Act::State),
        1 => any::<bool>().prop_map(Act::Open),
        10 => Just(Act::Accept),
        3 => Just(Act::Fail),
        1 => any::<bool>().prop_map(|stored| Act::Silence { stored }),
        1 => Just(Act::Learn),
        2 => (any::<bool>(), 0u8..4, any::<bool>())
            .prop_map(|(reboot, done, opens)| Act::Crash { reboot, done, opens }),
    ]
}

/// The desk and the world around it.
struct World {
    desk: Desk,
    identity: Identity,
    disk: Model,
    state: State,
    boots: usize,
    now: u64,
    batch: Option<Batch>,
    /// Every part ever closed, for those that have to be closed again.
    parts: BTreeMap<u64, Part>,
    names: usize,
    /// Of this run: what was kept or found, and how many datums of it.
    of_run: usize,
    told: u64,
    /// What the service has, how often.
    stored: BTreeMap<String, usize>,
    /// What may be stored twice, for a reason that no one can do anything about.
    excused: BTreeSet<String>,
    limits: Limits,
}

impl World {
    fn new(limits: Limits) -> World {
        let identity = Given::default().on(&xen());
        let mut world = World {
            desk: desk(&identity, "boot-0", 0),
            identity,
            disk: Model::default(),
            state: State::Works,
            boots: 0,
            now: 0,
            batch: None,
            parts: BTreeMap::new(),
            names: 0,
            of_run: 0,
            told: 0,
            stored: BTreeMap::new(),
            excused: BTreeSet::new(),
            limits,
        };
        world.desk.spool.limit(limits);
        world
    }

    fn boot_id(&self) -> String {
        format!("boot-{}", self.boots)
    }

    fn now(&self) -> Moment {
        moment(self.now)
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Keep { figures, period, due } => {
                let period = Timestamp(NOW.floor(Duration::from_secs(60)).0 + period * PERIOD);
                let through = self.parts.last_key_value().map_or(0, |(through, _)| *through) + 10;
                let due = self.now().boot.plus(Duration::from_secs(due));
                let part = part(period, through, due, self.names..self.names + figures);
                self.names += figures;
                self.keep(part);
            }
            Act::Pass(seconds) => self.now += seconds,
            Act::Disk(count) => {
                for _ in 0..count {
                    self.disk_works();
                }
            }
            Act::State(state) => self.state = state,
            Act::Open(works) if !self.disk.opened => self.open(works),
            Act::Open(_) => {}
            Act::Accept => self.answer(|_| Outcome::Accepted),
            Act::Fail => self.answer(|_| failure()),
            Act::Silence { stored } => {
                if let Some(batch) = self.batch.take() {
                    self.excused.extend(batch.datums.iter().map(name));
                    if stored && !batch.datums.iter().any(|datum| is_poison(&name(datum))) {
                        self.store(&batch);
                    }
                    self.desk.answered(
                        &Answer { outcome: failure(), service_time: None },
                        self.now(),
                        0.5,
                    );
                }
            }
            Act::Learn => {
                self.identity.learn_document(&document());
                let now = self.now().boot;
                // The shell hears of it between two requests, never while one is under way.
                if self.batch.is_none() {
                    self.desk.know(&self.identity, now);
                }
            }
            Act::Crash { reboot, done, opens } => self.crash(reboot, done, opens),
        }
        self.go_on();
    }

    fn keep(&mut self, part: Part) {
        self.of_run += 2 * part.figures.len();
        self.desk.keep(&part, self.now());
        let bound = self.desk.spool.idle_bytes() <= self.limits.memory_bytes;
        assert!(bound, "{} of {:?}", self.desk.spool.idle_bytes(), self.limits);
        self.parts.insert(part.through, part);
    }

    fn disk_works(&mut self) {
        let boot_id = self.boot_id();
        for done in self.disk.work(self.state, &boot_id) {
            if let Done::Opened(Ok(found)) = &done {
                self.find(found.files.clone());
            }
            self.desk.disk(done, self.now());
            self.desk.spool.check();
        }
    }

    fn open(&mut self, works: bool) {
        let opened = if works {
            let found = self.disk.found();
            self.find(found.files.clone());
            Ok(found)
        } else {
            let source = std::io::ErrorKind::PermissionDenied.into();
            Err(OpenError::Io { path: "state".into(), source })
        };
        self.desk.disk(Done::Opened(opened), self.now());
    }

    fn find(&mut self, files: Vec<Filed>) {
        let datums = files.iter().map(|file| self.disk.files[&file.key].2.len());
        self.of_run += datums.sum::<usize>();
    }

    /// As the shell does after whatever happened.
    fn go_on(&mut self) {
        let mut rounds = 0;
        loop {
            rounds += 1;
            assert!(rounds < 10, "it goes round in circles");
            let now = self.now();
            let act = if self.batch.is_some() {
                self.desk.keep_on(now);
                Act2::Busy
            } else {
                match self.desk.next(now) {
                    super::Act::Put(batch) => Act2::Put(batch),
                    super::Act::Wait(until) => {
                        let until = until.is_none_or(|until| until > now.boot);
                        assert!(until, "a wait that is over: {:?}", self.desk.spool);
                        Act2::Busy
                    }
                    super::Act::End => panic!("nobody stops it"),
                }
            };
            self.disk.queue.extend(self.desk.orders());
            let told = self.desk.taken_through();
            assert!(told >= self.told, "it fell from {} to {told}", self.told);
            self.told = told;
            self.desk.spool.check();
            match act {
                Act2::Put(batch) => {
                    assert!(batch.datums.len() <= MAX_DATUMS && batch.body_bytes() <= MAX_BYTES);
                    self.batch = Some(batch);
                }
                Act2::Busy => return,
            }
        }
    }

    /// The service refuses every 37th name.
    fn answer(&mut self, outcome: impl Fn(&Batch) -> Outcome) {
        let Some(batch) = self.batch.take() else { return };
        let poison = batch.datums.iter().any(|datum| is_poison(&name(datum)));
        let outcome = match outcome(&batch) {
            Outcome::Accepted if poison => Outcome::Rejected { reason: "poison".to_owned() },
            outcome => outcome,
        };
        if outcome == Outcome::Accepted {
            self.store(&batch);
        }
        let rejected = self.desk.health.count(Cause::Rejected);
        self.desk.answered(&Answer { outcome, service_time: None }, self.now(), 0.5);
        let counted = self.desk.health.count(Cause::Rejected) - rejected;
        assert!(counted == 0 || (poison && batch.datums.len() == 1 && counted == 1));
    }

    fn store(&mut self, batch: &Batch) {
        // Delivered before the disk had it: what a crash makes of that is told by nobody.
        let unfiled: BTreeSet<_> = self
            .desk
            .spool
            .in_memory()
            .filter(|(.., filed)| !filed)
            .flat_map(|(_, content, _)| names_of(content))
            .collect();
        for name in batch.datums.iter().map(name) {
            if unfiled.contains(&name) {
                self.excused.insert(name.clone());
            }
            *self.stored.entry(name).or_default() += 1;
        }
    }

    /// The process is killed when the disk has done some more of its orders.
    fn crash(&mut self, reboot: bool, done: u8, opens: bool) {
        let boot_id = self.boot_id();
        let filed: BTreeSet<Key> = self
            .desk
            .spool
            .in_memory()
            .filter(|(.., filed)| *filed)
            .map(|(key, ..)| key)
            .chain(self.desk.spool.on_disk().map(|file| file.key))
            .collect();
        let unsafe_names: Vec<(Key, BTreeSet<String>)> = self
            .desk
            .spool
            .in_memory()
            .filter(|(.., filed)| !filed)
            .map(|(key, content, _)| (key, names_of(content)))
            .collect();
        for _ in 0..done {
            let _ = self.disk.work(self.state, &boot_id);
        }
        // The cut came between an answer and its end.
        if let Some(batch) = self.batch.take() {
            self.excused.extend(batch.datums.iter().map(name));
        }
        for order in std::mem::take(&mut self.disk.queue) {
            if let Order::Spool(Job::Remove { key } | Job::Replace { key, .. }) = order
                && let Some((_, _, content)) = self.disk.files.get(&key)
            {
                self.excused.extend(names_of(content));
            }
        }
        for key in filed {
            assert!(self.disk.files.contains_key(&key), "{key} was said to be on the disk");
        }
        let mark = self.disk.found().taken_through.max(self.told);
        for (key, names) in unsafe_names {
            let on_disk = self
                .disk
                .files
                .get(&key)
                .is_some_and(|(_, _, content)| names_of(content).is_superset(&names));
            assert!(on_disk || key.through > mark, "{key} is lost: through {mark} is taken");
        }
        for key in self.disk.files.keys() {
            assert!(key.through <= mark, "{key} would be folded again");
        }
        self.boots += usize::from(reboot);
        self.identity = Given::default().on(&xen());
        (self.of_run, self.told) = (0, 0);
        self.disk.opened = false;
        self.desk = desk(&self.identity, &self.boot_id(), self.now);
        self.desk.spool.limit(self.limits);
        if opens {
            self.open(true);
        }
        let again: Vec<Part> = self.parts.range(mark + 1..).map(|(_, part)| part.clone()).collect();
        for part in again {
            self.keep(Part { due: self.now().boot, ..part });
        }
    }

    /// Everything answers, and time passes: each datum is accounted for.
    fn check(&mut self) {
        self.state = State::Works;
        if !self.disk.opened {
            self.open(true);
        }
        self.act(Act::Accept);
        while !self.disk.queue.is_empty() {
            self.disk_works();
            self.go_on();
        }
        self.account();
        for _ in 0..5_000 {
            let batch = self.batch.is_some();
            self.act(if batch { Act::Accept } else { Act::Pass(1) });
            self.act(Act::Disk(9));
            if self.desk.spool.is_empty() || self.only_pending() {
                break;
            }
        }
        assert!(self.only_pending(), "something isn't sent: {:?}", self.desk.spool);
        self.act(Act::Learn);
        for _ in 0..5_000 {
            let batch = self.batch.is_some();
            self.act(if batch { Act::Accept } else { Act::Pass(1) });
            self.act(Act::Disk(9));
            if self.desk.spool.is_empty() {
                break;
            }
        }
        while !self.disk.queue.is_empty() {
            self.disk_works();
        }
        assert!(self.desk.spool.is_empty(), "something isn't sent: {:?}", self.desk.spool);
        self.account();
        assert!(self.disk.files.is_empty(), "{:?}", self.disk.files.keys());
        for (name, times) in &self.stored {
            assert!(*times == 1 || self.excused.contains(name), "{name} came {times} times");
            assert!(!is_poison(name));
        }
        for datum in &self.disk.quarantined {
            assert!(datum.starts_with("{\"Namespace\":\"EC2/Memory\""), "{datum}");
        }
    }

    fn only_pending(&self) -> bool {
        let memory = self.desk.spool.in_memory().all(|(_, content, _)| content.datums.is_empty());
        let files = self.desk.spool.on_disk();
        self.batch.is_none()
            && memory
            && files.into_iter().all(|file| self.disk.files[&file.key].2.datums.is_empty())
    }

    /// Of this run: delivered, lost, or waiting; nothing else.
    fn account(&mut self) {
        let memory: usize = self.desk.spool.in_memory().map(|(_, content, _)| content.len()).sum();
        let disk = self.desk.spool.on_disk().map(|file| self.disk.files[&file.key].2.len());
        let waiting = memory + disk.sum::<usize>();
        let (delivered, lost) = (self.desk.delivered as usize, self.desk.health.total() as usize);
        let sum = delivered + lost + waiting;
        assert_eq!(sum, self.of_run, "{delivered} delivered, {lost} lost, {waiting} waiting");
    }
}

enum Act2 {
    Put(Batch),
    Busy,
}

fn is_poison(name: &str) -> bool {
    let number = name.trim_start_matches("Metric").split('|').next();
    number.and_then(|number| number.parse::<usize>().ok()).is_some_and(|number| number % 37 == 36)
}

fn failure() -> Outcome {
    let (cause, reason) = (RetryCause::Service, String::new());
    Outcome::Retry { cause, after: None, reason, ambiguous: false }
}

fn desk(identity: &Identity, boot_id: &str, now: u64) -> Desk {
    let sets = vec![set("Host"), set("InstanceId")];
    let publications = Publications::native("EC2/Memory".into(), sets);
    let settings = Settings { publications, ..settings() };
    let mut desk = Desk::new(settings, identity.clone(), whose(boot_id), moment(now));
    desk.know(identity, moment(now).boot);
    desk
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_datum_is_delivered_or_counted_or_waits(
        acts in prop::collection::vec(any_act(), 1..100),
        memory in prop_oneof![Just(MEMORY_MAX_BYTES), 2_000usize..40_000],
        disk in prop_oneof![Just(64 * 1024u64), 8u64..200],
    ) {
        let limits = Limits { memory_bytes: memory, disk_bytes: disk * 1_024 };
        let mut world = World::new(limits);
        for act in acts {
            world.act(act);
        }
        world.check();
    }
}

/// A desk beside a service that fails as told, refuses poison and what lies ahead, and keeps the rest.
struct Service {
    desk: Desk,
    disk: Model,
    now: Moment,
    fails: VecDeque<bool>,
    poison: BTreeSet<String>,
    time: Option<Timestamp>,
    stored: Vec<String>,
    requests: usize,
}

impl Service {
    fn new(settings: Settings) -> Service {
        let identity = Given::default().on(&laptop());
        let mut desk = Desk::new(settings, identity.clone(), whose("boot-0"), moment(0));
        desk.know(&identity, moment(0).boot);
        let mut disk = Model::default();
        desk.disk(Done::Opened(Ok(disk.found())), moment(0));
        Service {
            desk,
            disk,
            now: moment(0),
            fails: VecDeque::new(),
            poison: BTreeSet::new(),
            time: None,
            stored: Vec::new(),
            requests: 0,
        }
    }

    fn part(&mut self, period: Timestamp, ends: bool, names: std::ops::Range<usize>) {
        let through = self.desk.spool.taken_through().max(names.start as u64) + 1;
        let part = part(period, through, self.now.boot, names);
        self.desk.keep(&Part { ends, ..part }, self.now);
    }

    fn pass(&mut self, time: Duration) {
        self.now = Moment { wall: self.now.wall.plus(time), boot: self.now.boot.plus(time) };
    }

    /// Sends and writes, time passing, until nothing may go any more or for as long as this.
    fn drain_for(&mut self, longest: Duration) {
        let end = self.now.boot.plus(longest);
        let mut rounds = 0;
        while self.now.boot < end {
            rounds += 1;
            assert!(rounds < 20_000, "it goes round in circles");
            let act = self.desk.next(self.now);
            self.disk.queue.extend(self.desk.orders());
            let queued = self.disk.queue.len();
            for done in self.disk.work(State::Works, "boot-0") {
                self.desk.disk(done, self.now);
            }
            match act {
                super::Act::Put(batch) => self.put(&batch),
                super::Act::Wait(_) if queued > 0 => {}
                super::Act::Wait(Some(until)) => self.pass(until.since(self.now.boot)),
                super::Act::Wait(None) | super::Act::End => return,
            }
        }
    }

    fn drain(&mut self) {
        self.drain_for(Duration::from_secs(120));
    }

    fn put(&mut self, batch: &Batch) {
        self.requests += 1;
        let refused = |datum: &Datum| {
            let untimely =
                self.time.is_some_and(|time| !Delivery::is_timely(datum.timestamp, time));
            untimely || self.poison.contains(&*datum.name)
        };
        let outcome = if self.fails.pop_front().unwrap_or(false) {
            failure()
        } else if batch.datums.iter().any(refused) {
            Outcome::Rejected { reason: "poison".to_owned() }
        } else {
            self.stored.extend(batch.datums.iter().map(|datum| datum.name.to_string()));
            Outcome::Accepted
        };
        let service_time = self.time;
        self.desk.answered(&Answer { outcome, service_time }, self.now, 0.5);
    }

    fn stored(&self) -> Vec<String> {
        let mut stored = self.stored.clone();
        stored.sort();
        stored
    }

    fn dropped(&self, cause: Cause) -> u64 {
        self.desk.health.count(cause)
    }
}

fn metrics(names: impl Iterator<Item = usize>) -> Vec<String> {
    let mut names: Vec<_> = names.map(|name| format!("Metric{name}")).collect();
    names.sort();
    names
}

fn with_health() -> Settings {
    Settings { health: true, ..settings() }
}

#[test]
fn a_poison_among_a_hundred_in_several_files_is_found() {
    let mut service = Service::new(settings());
    service.poison = BTreeSet::from(["Metric42".to_owned()]);
    service.fails = VecDeque::from([true]);
    for file in 0..10 {
        let period = Timestamp(NOW.0 - PERIOD * (file + 5));
        let first = file as usize * 10;
        service.part(period, false, first..first + 10);
        service.drain_for(Duration::from_millis(500));
    }
    service.drain();
    assert_eq!(service.stored(), metrics((0..100).filter(|name| *name != 42)));
    assert_eq!((service.desk.delivered, service.dropped(Cause::Rejected)), (99, 1));
    assert_eq!(service.desk.health.total(), 1);
    assert_eq!(service.disk.quarantined.len(), 1);
    assert!(service.disk.quarantined[0].contains("\"MetricName\":\"Metric42\""));
    assert!(service.disk.files.is_empty() && service.desk.spool.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever is refused and whenever the service fails: all but the poison is stored, once, and
    /// the poison is counted, once.
    #[test]
    fn all_but_the_poison_arrives_once(
        parts in prop::collection::vec(1usize..150, 1..12),
        poison in prop::collection::btree_set(0usize..800, 0..6),
        fails in prop::collection::vec(any::<bool>(), 0..30),
    ) {
        let mut service = Service::new(settings());
        service.poison = poison.iter().map(|name| format!("Metric{name}")).collect();
        service.fails = fails.into();
        let mut first = 0;
        for (place, part) in parts.iter().enumerate() {
            service.part(Timestamp(NOW.0 - PERIOD * place as i64), false, first..first + part);
            first += part;
        }
        service.drain_for(Duration::from_secs(3_000));
        let good = metrics((0..first).filter(|name| !poison.contains(name)));
        prop_assert_eq!(service.desk.delivered as usize, good.len());
        prop_assert_eq!(service.stored(), good);
        let rejected = poison.iter().filter(|name| **name < first).count();
        prop_assert_eq!(service.dropped(Cause::Rejected), rejected as u64);
        prop_assert_eq!(service.disk.quarantined.len(), rejected);
        prop_assert!(service.desk.spool.is_empty() && service.disk.files.is_empty());
    }
}

#[test]
fn losses_are_told_once_with_the_periods_end() {
    let mut service = Service::new(with_health());
    service.poison = BTreeSet::from(["Metric1".to_owned()]);
    service.part(NOW, false, 0..2);
    service.drain();
    service.part(NOW, false, 2..3);
    service.drain();
    assert_eq!(service.stored(), ["Metric0", "Metric2"]);
    for _ in 0..2 {
        service.part(NOW, true, 3..4);
        service.drain();
    }
    let told =
        |service: &Service| service.stored.iter().filter(|name| *name == "AgentDropped").count();
    assert_eq!(told(&service), 1);
    service.desk.settings.health = false;
    service.desk.lost(Cause::Rejected, 1, service.now.boot);
    service.part(NOW, true, 4..5);
    service.drain();
    assert_eq!(told(&service), 1);
}

/// In the spool, what is told could itself be given up while nothing is taken.
#[test]
fn losses_are_told_once_the_service_answers_again() {
    let mut service = Service::new(with_health());
    service.fails = VecDeque::from([true]);
    service.desk.lost(Cause::MemoryFull, 7, service.now.boot);
    service.part(NOW, false, 0..1);
    service.drain_for(Duration::from_millis(100));
    assert!(service.desk.backlog(service.now.boot).failing.is_some());
    service.part(NOW, true, 1..2);
    service.drain();
    assert_eq!(service.stored(), ["AgentSpoolBytes", "Metric0", "Metric1"]);
    service.part(NOW, true, 2..3);
    service.drain();
    assert_eq!(service.stored()[0], "AgentDropped");
}

/// The datum's value, cause by cause, and the bytes of what waits longer than its turn.
#[test]
fn what_was_lost_and_what_waits_is_published() {
    let mut service = Service::new(with_health());
    let now = service.now.boot;
    for (cause, count) in [(Cause::MemoryFull, 7), (Cause::Damaged, 2), (Cause::MemoryFull, 3)] {
        service.desk.lost(cause, count, now);
    }
    let file = Filed { key: Key { period: NOW, through: 1, extra: 0 }, kib: 12, pending: true };
    service.desk.spool.found(vec![file], 1);
    let told: Vec<_> = service
        .desk
        .health_datums(NOW, now)
        .iter()
        .map(|datum| {
            let cause = datum.dimensions.iter().find(|pair| pair.name == "Cause");
            let Statistics::Values { values, .. } = &datum.statistics else { panic!() };
            assert!(datum.dimensions.iter().any(|pair| pair.name == "Host"));
            (datum.name.to_string(), cause.map(|pair| pair.value.clone()), values[0])
        })
        .collect();
    let cause = |cause: &str| Some(cause.to_owned());
    assert_eq!(
        told,
        [
            ("AgentDropped".to_owned(), cause("damaged"), 2.0),
            ("AgentDropped".to_owned(), cause("memory_full"), 10.0),
            ("AgentSpoolBytes".to_owned(), None, 12.0 * 1_024.0),
        ]
    );
    assert_eq!(service.desk.health_datums(NOW, now).len(), 1, "told once");
}

#[test]
fn what_the_services_clock_explains_is_no_poison() {
    let hours = |count: i64| Timestamp(NOW.0 + count * 3_600_000);
    // The host's clock is right, but some data were taken while it was three hours ahead.
    let mut service = Service::new(settings());
    service.time = Some(NOW);
    service.part(NOW, false, 0..10);
    service.part(hours(3), false, 10..20);
    service.part(hours(1), false, 20..30);
    service.drain_for(Duration::from_secs(30));
    assert!(service.requests <= 4, "{}", service.requests);
    assert_eq!(service.stored(), metrics((0..10).chain(20..30)));
    assert_eq!((service.desk.spool.len(), service.desk.health.total()), (1, 0));
    service.time = Some(hours(2));
    service.part(NOW, false, 30..31);
    service.drain();
    assert_eq!(service.stored(), metrics(0..31));
}

/// At a stop, it isn't offered again and again either.
#[test]
fn a_stop_ends_although_something_may_not_go_yet() {
    for time in [None, Some(NOW)] {
        let mut service = Service::new(settings());
        service.time = Some(NOW);
        if time.is_some() {
            service.part(NOW, false, 0..1);
            service.drain_for(Duration::from_secs(5));
        }
        service.part(Timestamp(NOW.0 + 3 * 3_600_000), false, 10..20);
        service.part(NOW, false, 20..30);
        service.desk.stop(service.now.boot);
        service.drain_for(Duration::from_secs(60));
        assert!(service.now.boot < moment(30).boot, "it doesn't end");
        assert!(service.requests <= 5, "{}", service.requests);
        let (datums, _) = service.desk.only_in_memory();
        assert_eq!((datums, service.disk.files.len()), (0, 1));
        assert_eq!(service.stored.len(), if time.is_some() { 11 } else { 10 });
    }
}

#[test]
fn only_what_the_service_no_longer_takes_is_given_up() {
    let days = |count: i64| Timestamp(NOW.0 - count * 24 * 3_600_000);
    let mut service = Service::new(settings());
    service.part(days(15), false, 0..3);
    service.desk.give_up_old(service.now);
    assert_eq!(service.desk.health.total(), 0, "nobody has told the time yet");
    service.time = Some(NOW);
    service.fails = VecDeque::from([true]);
    service.part(NOW, false, 3..4);
    service.drain_for(Duration::from_millis(500));
    service.part(days(13), false, 4..5);
    service.drain();
    // Closed a moment ago, and weeks old: the clock was wrong.
    assert_eq!((service.dropped(Cause::Clock), service.dropped(Cause::TooOld)), (3, 0));
    assert_eq!(service.stored(), metrics(3..5));
}

/// One line an hour and cause, however much is lost.
#[test]
fn a_loss_is_logged_once_an_hour() {
    let mut service = Service::new(settings());
    let now = service.now.boot;
    service.desk.lost(Cause::MemoryFull, 1, now);
    let said = |service: &Service, cause: Cause| service.desk.said.get(cause.as_str()).copied();
    let later = |minutes: u64| now.plus(Duration::from_secs(60 * minutes));
    for minutes in [1, 30, 59] {
        service.desk.lost(Cause::MemoryFull, 1, later(minutes));
        assert_eq!(said(&service, Cause::MemoryFull), Some(now));
    }
    service.desk.lost(Cause::Damaged, 1, later(30));
    assert_eq!(said(&service, Cause::Damaged), Some(later(30)));
    service.desk.lost(Cause::MemoryFull, 0, later(60));
    assert_eq!(said(&service, Cause::MemoryFull), Some(now), "nothing was lost");
    service.desk.lost(Cause::MemoryFull, 1, later(60));
    assert_eq!(said(&service, Cause::MemoryFull), Some(later(60)));
    assert_eq!(service.dropped(Cause::MemoryFull), 5);
}

/// What waits for the InstanceId is completed by the boot that wrote it, once; another boot's is
/// counted as foreign.
#[test]
fn what_waits_is_completed_by_its_own_boot_only() {
    for (boot, sent, foreign) in [("boot-0", 4, 0), ("boot-1", 2, 2)] {
        let mut identity = Given::default().on(&xen());
        let mut first = desk(&identity, "boot-0", 0);
        let mut disk = Model::default();
        first.disk(Done::Opened(Ok(disk.found())), moment(0));
        first.keep(&part(NOW, 1, moment(0).boot, 0..2), moment(0));
        let _ = first.next(moment(0));
        disk.queue.extend(first.orders());
        assert_eq!(disk.work(State::Works, "boot-0").len(), 1);
        let second = desk(&identity, boot, 10);
        let mut service = Service { desk: second, now: moment(10), ..Service::new(settings()) };
        service.desk.disk(Done::Opened(Ok(disk.found())), moment(10));
        service.disk = disk;
        service.drain();
        assert_eq!(service.stored.len(), 2, "what needs no InstanceId goes at once");
        identity.learn_document(&document());
        for _ in 0..2 {
            service.desk.know(&identity, service.now.boot);
            service.drain();
        }
        assert_eq!(service.stored.len(), sent, "{boot}");
        assert_eq!(service.dropped(Cause::Foreign), foreign, "{boot}");
        assert!(service.disk.files.is_empty() && service.desk.spool.is_empty());
    }
}

/// Files of an instance wait until this host knows its own, or knows that it has none.
#[test]
fn whose_undecided_files_are_is_told_once() {
    let stored = Owner::parse("i-0123456789abcdef0 machine-id:a");
    let decided = |desk: &mut Desk| {
        let orders = desk.orders().into_iter().filter_map(|order| match order {
            Order::Own { undecided, .. } => undecided,
            _ => None,
        });
        orders.collect::<Vec<_>>()
    };
    let found = || Found { undecided: Some(stored.clone()), ..Found::default() };
    let mut identity = Given::default().on(&xen());
    let mut unknown = desk(&identity, "boot-0", 0);
    unknown.disk(Done::Opened(Ok(found())), moment(0));
    assert!(decided(&mut unknown).is_empty());
    identity.learn_document(&document());
    for expected in [1, 0] {
        unknown.know(&identity, moment(0).boot);
        assert_eq!(decided(&mut unknown).len(), expected);
    }
    let mut laptop = desk(&Given::default().on(&laptop()), "boot-0", 0);
    laptop.disk(Done::Opened(Ok(found())), moment(0));
    assert_eq!(decided(&mut laptop), [false], "the machine decides");
}
