//! A process's start: what `state`, `pipeline` and the sampler's and publisher's constructors do.

use super::bug::Bug;
use super::disk::Thread;
use super::process::{Process, Sending};
use super::recorder::{heading, metrics};
use super::time::{SECOND, Time};
use super::weather::Kind;
use super::world::Outside;
use cwmem::clock::Moment;
use cwmem::config::{self, OnEc2};
use cwmem::datum::Resolution;
use cwmem::delivery::Schedule;
use cwmem::dimension::{DimensionSet, Member};
use cwmem::health::Cause;
use cwmem::identity::dress::Publications;
use cwmem::identity::{Identity, Local, document};
use cwmem::owner::Owner;
use cwmem::periods::Periods;
use cwmem::publisher::Settings;
use cwmem::publisher::desk::{Desk, Whose};
use cwmem::recorder::recording::Recording;
use cwmem::recorder::replay::{past, unreadable};
use cwmem::sample::Sample;
use cwmem::spool::disk::Done;
use cwmem::under_pressure::{Levels, UnderPressure};
use cwmem::units::Tenths;
use cwmem::window::Window;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

impl Process {
    pub fn start(out: &mut Outside) -> Result<Process, String> {
        let identity = identity(out.weather.kind);
        let owner = Owner {
            instance_id: identity.instance_id_at_once().map(str::to_owned),
            machine_id: Some("machine".to_owned()),
        };
        let boot_id = out.clocks.boot_id();
        let mut thread = Thread::start(owner.clone(), boot_id.clone(), &mut out.around());
        let mut found = None;
        if thread.done_at.is_some_and(|done| done <= out.now + PATIENCE) {
            out.now = thread.done_at.unwrap_or(out.now);
            found = thread.done(&mut out.around())?.pop();
        } else {
            out.now += PATIENCE;
        }
        let now = out.clocks.now(out.now);
        let whose = Whose { owner, boot_id };
        let (sampled, taken) = Sampled::open(out, &whose, &found)?;
        let mut desk = Desk::new(settings(out), identity.clone(), whose, now);
        desk.know(&identity, now.boot);
        if let Some(found) = found {
            desk.disk(found, now);
        }
        let known_at = match out.weather.kind {
            Kind::Late(after) | Kind::LateAlone(after) => Some(out.now + after),
            Kind::Elsewhere | Kind::AtOnce => None,
        };
        let mut process = Process {
            identity,
            known_at,
            learned: false,
            periods: sampled.periods,
            watch: UnderPressure::new(LEVELS, PERIOD),
            sample: Sample::new(now, 0),
            open: Vec::new(),
            channel: VecDeque::new(),
            later: VecDeque::new(),
            desk,
            thread,
            request: None,
            wake_at: None,
            told: taken,
            deadline: None,
            stops: false,
            ends: false,
            uncovered: Vec::new(),
            copy_at: out.now,
            sending: Sending::new(out.now),
        };
        process.sample.sequence = sampled.sequence;
        let unreadable = usize::try_from(sampled.unread).unwrap_or(usize::MAX);
        process.desk.lost(Cause::Recorder, unreadable, now.boot);
        process.take_up(sampled.parts, sampled.lost, out)?;
        process.pump(out)?;
        Ok(process)
    }

    /// The parts of what an earlier run sampled; what belongs to none of them is open.
    fn take_up(
        &mut self,
        parts: Vec<cwmem::periods::Part>,
        lost: Vec<u64>,
        out: &mut Outside,
    ) -> Result<(), String> {
        let of = |sequence: &u64| out.ledger.sample_of(*sequence).map(|place| (*sequence, place));
        let again: BTreeMap<u64, u32> = lost.iter().filter_map(of).collect();
        let mut from = 0;
        for part in parts {
            let samples = again.range(from..=part.through).map(|(_, place)| *place).collect();
            from = part.through + 1;
            self.closed(part, samples, out)?;
        }
        self.open = again.range(from..).map(|(_, place)| *place).collect();
        Ok(())
    }
}

/// What the sampler begins with.
struct Sampled {
    periods: Periods,
    parts: Vec<cwmem::periods::Part>,
    /// The sequences of the samples that are folded again.
    lost: Vec<u64>,
    sequence: u64,
    unread: u64,
}

impl Sampled {
    /// As `state::open_recorder` and `Sampler::new`.
    fn open(
        out: &mut Outside,
        whose: &Whose,
        found: &Option<Done>,
    ) -> Result<(Sampled, u64), String> {
        let heading = heading(whose.owner.to_string(), whose.boot_id.clone());
        let copies = found.is_some().then_some(&out.files.copies);
        let from_copy = out.rings.live.is_none();
        let mut opened = out.rings.open(copies, &heading)?;
        let undecided = |recording: &Recording| {
            recording.heading().boot_id != whose.boot_id
                && whose.owner.undecided(&Owner::parse(&recording.heading().owner))
        };
        opened.inherited.retain(|recording| !undecided(recording));
        let taken = match found {
            Some(Done::Opened(Ok(found))) => found.taken_through,
            _ => 0,
        };
        if let Some(live) = &mut out.rings.live {
            live.set_taken_through(taken);
        }
        let now = out.clocks.now(out.now);
        let mut periods = Periods::new(now, INTERVAL, schedule(out), window(out));
        let marks = opened.inherited.iter().map(Recording::taken_through);
        let mut through = marks.fold(taken, u64::max);
        match out.options.bug {
            Some(Bug::SkipTaken) => through = 0,
            Some(Bug::NoReplay) => opened.inherited.clear(),
            _ => {}
        }
        let mut unread = 0;
        for gap in unreadable(&opened.inherited, through) {
            unread += gap.end - gap.start;
            out.ledger.written_over(gap);
        }
        let parts = periods.take_up(past(&opened.inherited), through, &whose.boot_id, now);
        let samples = opened.inherited.iter().flat_map(Recording::samples);
        let lost = samples.map(|sample| sample.sequence).filter(|sequence| *sequence > through);
        let lost: Vec<u64> = lost.collect();
        if from_copy && !matches!(found, Some(Done::Opened(Ok(_)))) {
            // The copy that a host's crash left is older than what is delivered, and the disk,
            // which knows better, can't be asked.
            lost.iter().for_each(|sequence| out.ledger.doubt_sample(*sequence));
        }
        let mut sequence = opened.last.max(taken);
        if found.is_none() && sequence == 0 {
            // As `state::open`.
            sequence = u64::try_from(now.wall.0 / 100).unwrap_or(0);
        }
        Ok((Sampled { periods, parts, lost, sequence, unread }, taken))
    }
}

fn identity(kind: Kind) -> Identity {
    let fixed = match kind {
        Kind::Elsewhere => config::Identity { ec2: OnEc2::No, ..Default::default() },
        Kind::AtOnce => {
            config::Identity { instance_id: Some(INSTANCE.to_owned()), ..Default::default() }
        }
        _ => config::Identity { ec2: OnEc2::Yes, imds: true, ..Default::default() },
    };
    let local = Local { node_name: "web-1".to_owned(), ..Local::default() };
    Identity::new(&fixed, None, &[], &local)
}

/// What IMDS tells.
pub fn learn(identity: &mut Identity) {
    let text = format!("{{\"instanceId\":\"{INSTANCE}\"}}");
    if let Ok(document) = document::parse(&text) {
        identity.learn_document(&document);
    }
}

/// The places of the sets in the ledger, the one that is there in time first.
pub fn sets(kind: Kind) -> &'static [usize] {
    match kind {
        Kind::Elsewhere => &[0],
        Kind::AtOnce | Kind::LateAlone(_) => &[1],
        Kind::Late(_) => &[0, 1],
    }
}

pub fn settings(out: &Outside) -> Settings {
    let names = ["Host", "InstanceId"];
    let set = |place: &usize| DimensionSet(vec![Member::parse(names[*place])]);
    Settings {
        publications: Publications::native(
            "EC2/Memory".into(),
            sets(out.weather.kind).iter().map(set).collect(),
        ),
        resolution: Resolution::Standard,
        every: PERIOD * out.weather.every,
        health: true,
        max_requests_per_second: 5,
        max_bytes: out.weather.max_bytes,
        max_age: Duration::from_secs(14 * 24 * 3_600),
    }
}

pub fn schedule(out: &Outside) -> Schedule {
    Schedule {
        period: PERIOD,
        every: PERIOD * out.weather.every,
        spread: Duration::from_secs(10),
        place: out.weather.place,
    }
}

pub fn window(out: &Outside) -> Window {
    Window::new(metrics(), PERIOD, out.weather.form)
}

pub fn moment(out: &Outside) -> Moment {
    out.clocks.now(out.now)
}

const PERIOD: Duration = super::ledger::PERIOD;
pub const INTERVAL: Tenths = Tenths(100);
pub const PRESSURE_INTERVAL: Tenths = Tenths(20);
const LEVELS: Levels = Levels { available_below: 0.15, stall_above: 0.05 };
const INSTANCE: &str = "i-0123456789abcdef0";
/// `state::open`'s.
const PATIENCE: Time = 2 * SECOND;
