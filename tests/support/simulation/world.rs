//! The world: time, the host with its clocks and its kernel, and what the weather does to them.

use super::Options;
use super::disk::{Around, Files, SPOOL, UNDECIDED};
use super::ledger::{Ledger, Sampled, Tally};
use super::process::Process;
use super::recorder::Rings;
use super::service::Service;
use super::start::sets;
use super::time::{Clocks, HOUR, MINUTE, NEVER, SECOND, Time, true_time, words};
use super::weather::{Dice, Event, Weather};
use cwmem::clock::Timestamp;
use cwmem::sample::Sample;
use cwmem::source::meminfo::MemInfo;
use cwmem::source::pressure::Pressure;
use cwmem::source::vmstat::VmStat;
use cwmem::spool::inventory::Name;
use cwmem::units::Bytes;
use std::path::Path;

/// Everything outside of the process.
pub struct Outside {
    pub options: Options,
    pub weather: Weather,
    pub service: Service,
    pub files: Files,
    pub rings: Rings,
    pub ledger: Ledger,
    pub clocks: Clocks,
    pub dice: Dice,
    pub now: Time,
    kernel: Kernel,
}

pub struct World {
    out: Outside,
    process: Option<Process>,
    starts_at: Time,
    /// What the last process left in the ring only.
    open: Vec<u32>,
    /// The next of the weather's events.
    event: usize,
    end: Time,
}

struct Kernel {
    dice: Dice,
    swaps: bool,
    kills: u64,
    stalled: u64,
    /// The last sample of this boot that the agent has or had in a ring: when, and its count.
    before: Option<(Time, u64)>,
}

impl Outside {
    pub fn around(&mut self) -> Around<'_> {
        Around {
            files: &mut self.files,
            rings: &self.rings,
            ledger: &mut self.ledger,
            weather: &self.weather,
            dice: &mut self.dice,
            bug: self.options.bug,
            now: self.now,
        }
    }

    pub fn say(&self, what: impl FnOnce() -> String) {
        if self.options.verbose {
            println!("{}  {}  {}", words(self.now), self.clocks.now(self.now).wall, what());
        }
    }

    /// Fills the sample with what the kernel says, and the ledger with what that means.
    pub fn read(&mut self, sample: &mut Sample) -> u32 {
        let kernel = &mut self.kernel;
        let available = kernel.dice.0.u64(TOTAL / 4..TOTAL);
        let free = if kernel.swaps { kernel.dice.0.u64(..SWAP) } else { SWAP };
        sample.meminfo = Some(MemInfo {
            total: Bytes(TOTAL),
            available: Some(Bytes(available)),
            swap_total: Some(Bytes(SWAP)),
            swap_free: Some(Bytes(free)),
            hugetlb: Some(Bytes(0)),
            ..MemInfo::default()
        });
        sample.pressure = Some(Pressure { some: kernel.stalled, full: None });
        let vmstat = VmStat { oom_kill: Some(kernel.kills), ..VmStat::default() };
        sample.vmstat = Some(vmstat);
        let near = sample.covered.duration() * 2 + std::time::Duration::from_secs(60);
        let near = Time::try_from(near.as_micros()).unwrap_or(NEVER);
        let before = kernel.before.replace((self.now, kernel.kills));
        let known = before.filter(|(at, _)| self.now - at <= near && self.now > *at);
        let sampled = Sampled {
            sequence: sample.sequence,
            wall: sample.taken.wall,
            tenths: sample.covered.0,
            used: 100.0 * (1.0 - available as f64 / TOTAL as f64),
            swap: 100.0 * (SWAP - free) as f64 / SWAP as f64,
            kills: known.map_or(0.0, |(_, kills)| (kernel.kills - kills) as f64),
        };
        self.ledger.sampled(&sampled, self.now)
    }
}

impl World {
    pub fn new(seed: u64, options: &Options) -> World {
        let end = Time::from(options.hours) * HOUR;
        let weather = Weather::draw(seed, end);
        let out = Outside {
            options: *options,
            service: Service::new(seed, &weather),
            files: Files::default(),
            rings: Rings::default(),
            ledger: Ledger::new(sets(weather.kind)[0]),
            clocks: Clocks { ahead: weather.ahead, booted: 0, boot: 0 },
            dice: Dice::new(seed, 3),
            now: 0,
            kernel: Kernel {
                dice: Dice::new(seed, 4),
                swaps: false,
                kills: 0,
                stalled: 0,
                before: None,
            },
            weather,
        };
        World { out, process: None, starts_at: 0, open: Vec::new(), event: 0, end }
    }

    pub fn run(mut self) -> Result<Tally, String> {
        self.live().map_err(|what| format!("{}: {what}", words(self.out.now)))
    }

    fn live(&mut self) -> Result<Tally, String> {
        while self.out.now < self.end {
            let event = self.out.weather.events.get(self.event).copied();
            let until = event.map_or(self.end, |(at, _)| at.min(self.end));
            self.go_on(until)?;
            if let Some((_, event)) = event {
                self.event += 1;
                self.strike(event)?;
            }
        }
        self.calm_down()?;
        let kind = self.out.weather.kind;
        let exact = self.out.weather.poison == 0;
        let spool = self.out.files.names(SPOOL).chain(self.out.files.names(UNDECIDED));
        let parts = spool.filter_map(|(name, bytes)| match Name::parse(Path::new(name))? {
            Name::Part(key, _) => Some((key, bytes)),
            Name::Taken(_) | Name::Offered(_) | Name::Partial => None,
        });
        let parts: Vec<_> = parts.collect();
        let ahead = |period: Timestamp| period.millis_since(true_time(self.out.now)) > 0;
        if let Some((key, _)) = parts.iter().find(|(key, _)| !ahead(key.period)) {
            return Err(format!("the part {key} still waits after a long calm"));
        }
        self.out.ledger.close(sets(kind), parts.into_iter().map(|(_, bytes)| bytes), exact)
    }

    /// The weather is over: what waits is delivered, and the agent stopped in order.
    fn calm_down(&mut self) -> Result<(), String> {
        self.out.say(|| "calm".to_owned());
        self.strike(Event::Step(None))?;
        self.out.weather.calm(self.out.now);
        self.go_on(self.starts_at.max(self.out.now) + 2 * SECOND)?;
        if let Some(process) = &mut self.process {
            process.known_at = process.known_at.map(|at| at.min(self.out.now + 10 * SECOND));
        }
        self.go_on(self.out.now + CALM)?;
        self.strike(Event::Restart(NEVER / 4))?;
        Ok(())
    }

    fn go_on(&mut self, until: Time) -> Result<(), String> {
        loop {
            let next = match &self.process {
                Some(process) => process.next(&self.out),
                None => self.starts_at,
            };
            if next > until {
                self.out.now = self.out.now.max(until);
                return Ok(());
            }
            self.out.now = self.out.now.max(next);
            match &mut self.process {
                None => {
                    self.out.say(|| "starts".to_owned());
                    self.process = Some(Process::start(&mut self.out)?);
                }
                Some(process) => {
                    if !process.happen(&mut self.out)? {
                        self.out.say(|| "has ended".to_owned());
                        self.end_process()?;
                    }
                }
            }
        }
    }

    fn strike(&mut self, event: Event) -> Result<(), String> {
        self.out.say(|| format!("{event:?}"));
        let now = self.out.now;
        match event {
            Event::Kill(down) => {
                self.out.ledger.tally.kills += 1;
                self.kill(down)?;
            }
            Event::PowerCut(down) => self.cut_power(down)?,
            Event::Restart(down) => {
                if let Some(process) = &mut self.process {
                    process.stop(&mut self.out)?;
                    self.starts_at = NEVER;
                    while self.process.is_some() {
                        self.go_on(self.out.now + SECOND)?;
                    }
                    self.starts_at = self.out.now.saturating_add(down);
                }
            }
            Event::Reload => {
                if let Some(process) = &mut self.process {
                    process.reload(&mut self.out)?;
                }
            }
            Event::Step(Some(millis)) => self.out.clocks.ahead += millis,
            Event::Step(None) => self.out.clocks.ahead = 0,
            Event::Suspend(length) => {
                self.out.now = now + length;
                if let Some(process) = &mut self.process {
                    process.overslept(self.out.now);
                }
            }
            Event::OomKill => {
                self.out.kernel.kills += 1;
                self.out.kernel.stalled += 1_000;
            }
            Event::Swap(swaps) => self.out.kernel.swaps = swaps,
        }
        Ok(())
    }

    fn kill(&mut self, down: Time) -> Result<(), String> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        self.starts_at = self.out.now + down;
        if let Some(request) = process.request.take() {
            let arrives = request.reaches_at.is_some() && self.out.service.arrives_all_the_same();
            let stores = super::service::Verdict::Stores;
            if arrives && self.out.service.judge(&request.batch, self.out.now)? == stores {
                for datum in &request.batch.datums {
                    self.out.ledger.stored(datum, None)?;
                }
            }
        }
        self.bury(process)
    }

    fn end_process(&mut self) -> Result<(), String> {
        match self.process.take() {
            Some(process) => self.bury(process),
            None => Ok(()),
        }
    }

    /// What a process counted is known, and what it didn't note on the disk or in the ring isn't.
    fn bury(&mut self, process: Process) -> Result<(), String> {
        let backlog = process.desk.backlog(self.out.clocks.now(self.out.now).boot);
        for ((_, count), counted) in backlog.dropped.iter().zip(&mut self.out.ledger.counted) {
            *counted += count;
        }
        self.open.clone_from(&process.open);
        process.thread.die(&mut self.out.around());
        let mark = self.out.rings.live.as_ref().map_or(0, |ring| ring.taken_through());
        self.out.ledger.died(mark);
        Ok(())
    }

    fn cut_power(&mut self, down: Time) -> Result<(), String> {
        self.out.ledger.tally.power_cuts += 1;
        self.kill(down)?;
        let out = &mut self.out;
        out.ledger.host_died(&self.open, out.now, NEVER);
        out.files.lose_unflushed(out.now, &mut out.dice, &mut out.ledger);
        out.rings = Rings::default();
        self.starts_at = out.now + down;
        let booted = self.starts_at.saturating_sub(10 * SECOND);
        out.clocks = Clocks { ahead: out.clocks.ahead, booted, boot: out.clocks.boot + 1 };
        (out.kernel.kills, out.kernel.stalled, out.kernel.before) = (0, 0, None);
        Ok(())
    }
}

const TOTAL: u64 = 1 << 40;
const SWAP: u64 = 1 << 34;
/// A retry may be five minutes away, and hours of backlog are many requests.
const CALM: Time = 25 * MINUTE;
