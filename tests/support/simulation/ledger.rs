//! What became of every sample, known apart from the core: the promises are checked against it.

use super::service::fingerprint;
use super::time::{Time, words};
use cwmem::clock::Timestamp;
use cwmem::datum::Datum;
use cwmem::distribution::Statistics;
use cwmem::health::Cause;
use cwmem::periods::Part;
use cwmem::spool::Key;
use cwmem::spool::text;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// What a life added up to.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub samples: u64,
    pub requests: u64,
    pub delivered: u64,
    /// Datums counted as lost.
    pub counted: u64,
    /// Samples that came twice, after an answer or a settlement that was cut off.
    pub repeated: u64,
    /// Samples that went with the host's memory.
    pub with_the_host: u64,
    /// Samples that no disk and no ring could keep, counted.
    pub written_over: u64,
    /// Samples that still wait on the disk at the end.
    pub waiting: u64,
    pub kills: u64,
    pub power_cuts: u64,
}

pub struct Sampled {
    pub sequence: u64,
    pub wall: Timestamp,
    pub tenths: u32,
    pub used: f64,
    pub swap: f64,
    pub kills: f64,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.samples += other.samples;
        self.requests += other.requests;
        self.delivered += other.delivered;
        self.counted += other.counted;
        self.repeated += other.repeated;
        self.written_over += other.written_over;
        self.with_the_host += other.with_the_host;
        self.waiting += other.waiting;
        self.kills += other.kills;
        self.power_cuts += other.power_cuts;
    }
}

struct Sample {
    period: Timestamp,
    taken_at: Time,
    tenths: u32,
    used: f64,
    swap: f64,
    kills: f64,
    stored: [u8; SETS],
    /// May come again without blame.
    doubtful: bool,
    /// May be lost without blame.
    excused: bool,
}

pub struct Kept {
    pub period: Timestamp,
    pub through: u64,
    samples: Vec<u32>,
    figures: usize,
    pub due: Time,
    stored: [bool; SETS],
    lost: [bool; SETS],
    on_disk: bool,
    /// The number of the first order to the disk that could note what is stored.
    unsettled: Option<u64>,
}

#[derive(Default)]
pub struct Ledger {
    samples: Vec<Sample>,
    of_sequence: HashMap<u64, u32>,
    pub parts: Vec<Kept>,
    by_figures: HashMap<(Timestamp, u64), u32>,
    by_place: HashMap<(Timestamp, u64), u32>,
    unsettled: Vec<u32>,
    sums: BTreeMap<Timestamp, Sums>,
    poisoned: Vec<(u32, usize)>,
    /// Datums that the core counted, by cause, of all processes.
    pub counted: [u64; Cause::ALL.len()],
    /// Of those, datums of files that the disk's model saw go.
    seen_to_go: u64,
    pub tally: Tally,
    /// The set that is always there in time: lateness and sums are looked at under it.
    main: usize,
}

#[derive(Default, Clone, Copy)]
struct Sums {
    swap: f64,
    swaps: u32,
    kills: f64,
    repeated: bool,
}

impl Ledger {
    pub fn new(main: usize) -> Ledger {
        Ledger { main, ..Ledger::default() }
    }

    pub fn sampled(&mut self, sampled: &Sampled, now: Time) -> u32 {
        let place = self.samples.len() as u32;
        self.samples.push(Sample {
            period: sampled.wall.floor(PERIOD),
            taken_at: now,
            tenths: sampled.tenths,
            used: sampled.used,
            swap: sampled.swap,
            kills: sampled.kills,
            stored: [0; SETS],
            doubtful: false,
            excused: false,
        });
        self.of_sequence.insert(sampled.sequence, place);
        self.tally.samples += 1;
        place
    }

    pub fn sample_of(&self, sequence: u64) -> Option<u32> {
        self.of_sequence.get(&sequence).copied()
    }

    /// A part is closed with these samples: its figures must be theirs.
    pub fn closed(&mut self, part: &Part, samples: Vec<u32>, due: Time) -> Result<u32, String> {
        let used = part.figures.iter().find(|figure| figure.name == USED);
        let Some(used) = used else {
            let what = format!("a part of {} without {USED}", part.period);
            return if samples.is_empty() { Ok(NO_PART) } else { Err(what) };
        };
        let members = samples.iter().map(|place| &self.samples[*place as usize]);
        if let Some(stray) = members.clone().find(|sample| sample.period != part.period) {
            return Err(format!("a sample of {} is in the part of {}", stray.period, part.period));
        }
        let count: u64 = members.clone().map(|sample| u64::from(sample.tenths)).sum();
        let sum: f64 = members.clone().map(|sample| sample.used * f64::from(sample.tenths)).sum();
        let lowest = members.clone().map(|sample| sample.used).fold(f64::MAX, f64::min);
        let highest = members.map(|sample| sample.used).fold(f64::MIN, f64::max);
        let figures = Figures::of(&used.statistics);
        let grain = if figures.rounded { 0.051 * count as f64 } else { 1e-6 * sum.abs() };
        let same = figures.count == count
            && (figures.sum - sum).abs() <= grain.max(1e-9)
            && (figures.lowest, figures.highest) == (lowest, highest);
        if !same {
            return Err(format!(
                "the part of {} through {} says {figures:?} of its {} samples, which are {count} tenths, sum {sum}, {lowest}..{highest}",
                part.period,
                part.through,
                samples.len()
            ));
        }
        let place = self.parts.len() as u32;
        self.by_figures.insert((part.period, fingerprint(&used.statistics)), place);
        self.by_place.insert((part.period, part.through), place);
        self.parts.push(Kept {
            period: part.period,
            through: part.through,
            samples,
            figures: part.figures.len(),
            due,
            stored: [false; SETS],
            lost: [false; SETS],
            on_disk: false,
            unsettled: None,
        });
        Ok(place)
    }

    /// The part and the set that a datum belongs to, if it is one of MemoryUsedPercent.
    pub fn part_of(&self, datum: &Datum) -> Result<Option<(u32, usize)>, String> {
        if datum.name != USED {
            return Ok(None);
        }
        let mark = (datum.timestamp, fingerprint(&datum.statistics));
        match self.by_figures.get(&mark) {
            Some(place) => Ok(Some((*place, set_of(datum)))),
            None => Err(format!("a datum that no part had: {datum:?}")),
        }
    }

    /// The service stores a datum; `order` is the number of the next order to the disk, `None`
    /// where no one will hear of it. `Ok`: the part, if it is one's first metric.
    pub fn stored(&mut self, datum: &Datum, order: Option<u64>) -> Result<Option<u32>, String> {
        self.tally.delivered += 1;
        let Some((place, set)) = self.part_of(datum)? else {
            self.add_up(datum);
            return Ok(None);
        };
        let part = &mut self.parts[place as usize];
        for sample in &part.samples {
            let sample = &mut self.samples[*sample as usize];
            if sample.stored[set] > 0 {
                self.sums.entry(part.period).or_default().repeated = true;
                self.tally.repeated += 1;
                if !sample.doubtful {
                    return Err(format!(
                        "a sample of {} is sent a second time, with the part through {}",
                        part.period, part.through
                    ));
                }
            }
            sample.stored[set] = sample.stored[set].saturating_add(1);
            sample.doubtful |= order.is_none();
        }
        part.stored[set] = true;
        if part.unsettled.is_none() && order.is_some() {
            self.unsettled.push(place);
        }
        part.unsettled = order;
        Ok((set == self.main).then_some(place))
    }

    fn add_up(&mut self, datum: &Datum) {
        if set_of(datum) != self.main {
            return;
        }
        let sums = self.sums.entry(datum.timestamp).or_default();
        let sum = Figures::of(&datum.statistics).sum;
        match &*datum.name {
            "SwapUsedPercent" => {
                sums.swap += sum;
                sums.swaps += 1;
            }
            "OomKills" => sums.kills += sum,
            _ => {}
        }
    }

    /// All parts that these datums are of may come again: their answer is lost.
    pub fn doubt(&mut self, datums: &[Datum]) -> Result<(), String> {
        for datum in datums {
            if let Some((place, _)) = self.part_of(datum)? {
                self.doubt_part(place);
            }
        }
        Ok(())
    }

    fn doubt_part(&mut self, place: u32) {
        for sample in &self.parts[place as usize].samples {
            self.samples[*sample as usize].doubtful = true;
        }
    }

    pub fn doubt_sample(&mut self, sequence: u64) {
        if let Some(place) = self.of_sequence.get(&sequence) {
            self.samples[*place as usize].doubtful = true;
        }
    }

    pub fn poisoned(&mut self, datum: &Datum) -> Result<(), String> {
        let part = self.part_of(datum)?;
        self.poisoned.extend(part);
        Ok(())
    }

    fn at(&self, key: Key) -> Option<u32> {
        self.by_place.get(&(key.period, key.through)).copied()
    }

    pub fn written(&mut self, key: Key) {
        if let Some(place) = self.at(key) {
            self.parts[place as usize].on_disk = true;
        }
    }

    /// The disk has noted, by the order of this number, what of a part was stored before it.
    pub fn settled(&mut self, key: Key, order: u64) {
        if let Some(place) = self.at(key) {
            let part = &mut self.parts[place as usize];
            part.unsettled = part.unsettled.filter(|least| *least > order);
        }
    }

    /// What a host's crash takes back of the disk comes again.
    pub fn undone(&mut self, key: Key) {
        if let Some(place) = self.at(key) {
            self.doubt_part(place);
        }
    }

    /// The process is gone: what it knew and didn't note is known no more.
    pub fn died(&mut self, mark: u64) {
        for place in std::mem::take(&mut self.unsettled) {
            let part = &mut self.parts[place as usize];
            let noted = !part.on_disk && part.through <= mark;
            if part.unsettled.take().is_some() && !noted {
                self.doubt_part(place);
            }
        }
    }

    /// The host is gone: what was only in its memory, and how old that may be.
    pub fn host_died(&mut self, open: &[u32], now: Time, longest: Time) {
        let main = self.main;
        let only_in_memory = |part: &&Kept| !part.on_disk && !part.stored[main];
        let parts = self.parts.iter().filter(only_in_memory).flat_map(|part| &part.samples);
        for place in open.iter().chain(parts).copied().collect::<Vec<_>>() {
            let sample = &mut self.samples[place as usize];
            sample.excused = sample.excused || now.saturating_sub(sample.taken_at) <= longest;
        }
    }

    /// A start counts these samples as lost: the ring was too short to give them back.
    pub fn written_over(&mut self, gap: Range<u64>) {
        for place in gap.filter_map(|sequence| self.of_sequence.get(&sequence)) {
            self.samples[*place as usize].excused = true;
            self.tally.written_over += 1;
        }
    }

    /// The core says that everything through this sequence is safe.
    pub fn taken(
        &mut self,
        parts: &mut Vec<u32>,
        through: u64,
        counted: u64,
    ) -> Result<(), String> {
        let mut wrong = None;
        parts.retain(|place| {
            let part = &self.parts[*place as usize];
            if part.through > through {
                return true;
            }
            let safe = part.on_disk || part.stored.iter().any(|stored| *stored) || counted > 0;
            if !safe {
                wrong = Some((part.period, part.through));
            }
            false
        });
        match wrong {
            Some((period, last)) => Err(format!(
                "taken_through is {through}, but the part of {period} through {last} is neither on the disk, delivered nor counted"
            )),
            None => Ok(()),
        }
    }

    /// A file goes, counted.
    pub fn gave_up(&mut self, bytes: &[u8]) -> Result<usize, String> {
        self.seen_to_go += text::datums(bytes) as u64;
        self.each_in(bytes, |ledger, place, set| {
            ledger.parts[place as usize].lost[set] = true;
        })?;
        Ok(text::datums(bytes))
    }

    /// Calls for each part and set that a file holds.
    fn each_in(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&mut Ledger, u32, usize),
    ) -> Result<(), String> {
        let Ok((_, content)) = text::read(bytes) else { return Ok(()) };
        for datum in &content.datums {
            if let Some((place, set)) = self.part_of(datum)? {
                each(self, place, set);
            }
        }
        if let Some(pending) = &content.pending {
            let used = pending.figures().find(|figure| figure.name == USED);
            let mark = used.map(|used| (used.timestamp, fingerprint(&used.statistics)));
            if let Some(place) = mark.and_then(|mark| self.by_figures.get(&mark).copied()) {
                each(self, place, SETS - 1);
            }
        }
        Ok(())
    }

    /// At the end: every sample is delivered, waits in one of `files`, or is counted.
    pub fn close<'a>(
        &mut self,
        sets: &[usize],
        files: impl Iterator<Item = &'a [u8]>,
        exact: bool,
    ) -> Result<Tally, String> {
        let mut waits = vec![[false; SETS]; self.samples.len()];
        for file in files {
            self.each_in(file, |ledger, place, set| {
                for sample in &ledger.parts[place as usize].samples {
                    waits[*sample as usize][set] = true;
                }
            })?;
        }
        let mut last_part = vec![NO_PART; self.samples.len()];
        for (place, part) in self.parts.iter().enumerate() {
            for sample in &part.samples {
                last_part[*sample as usize] = place as u32;
            }
        }
        let budget = self.counted.iter().sum::<u64>().saturating_sub(self.seen_to_go);
        let mut missing: BTreeMap<(u32, usize), usize> = BTreeMap::new();
        for (place, sample) in self.samples.iter().enumerate() {
            self.tally.waiting += u64::from(waits[place].iter().any(|waits| *waits));
            for &set in sets {
                if sample.stored[set] > 0 || waits[place][set] {
                    continue;
                }
                if sample.excused {
                    self.tally.with_the_host += 1;
                    continue;
                }
                let last = last_part[place];
                if last == NO_PART {
                    return Err(format!(
                        "a sample of {}, taken at {}, is gone: it was in no part",
                        sample.period,
                        words(sample.taken_at)
                    ));
                }
                let part = &self.parts[last as usize];
                if !part.lost[set] && !self.poisoned.contains(&(last, set)) {
                    missing.insert((last, set), part.figures);
                }
            }
        }
        let lost: usize = missing.values().sum();
        if lost as u64 > budget {
            let ((place, set), _) = missing.first_key_value().unwrap_or((&(0, 0), &0));
            let part = &self.parts[*place as usize];
            return Err(format!(
                "{lost} datums are gone and {budget} are counted; the first is of {} through {}, set {set}",
                part.period, part.through
            ));
        }
        self.tally.counted = self.counted.iter().sum();
        if exact {
            self.compare_sums()?;
        }
        Ok(self.tally)
    }

    /// Of periods whose samples all came once: the sparse metrics add up too.
    fn compare_sums(&self) -> Result<(), String> {
        #[derive(Default)]
        struct Expected {
            swap: f64,
            kills: f64,
            tenths: u64,
            whole: bool,
            seen: bool,
        }
        let mut periods: BTreeMap<Timestamp, Expected> = BTreeMap::new();
        for sample in &self.samples {
            let expected = periods.entry(sample.period).or_default();
            let once = sample.stored[self.main] == 1;
            expected.whole = once && (expected.whole || !expected.seen);
            expected.seen = true;
            expected.swap += sample.swap * f64::from(sample.tenths);
            expected.kills += sample.kills;
            expected.tenths += u64::from(sample.tenths);
        }
        for (period, expected) in periods {
            let sums = self.sums.get(&period).copied().unwrap_or_default();
            if !expected.whole || sums.repeated {
                continue;
            }
            let near = (sums.swap - expected.swap).abs() <= 0.051 * expected.tenths as f64;
            let silent = expected.swap > 0.0 || sums.swaps == 0;
            if !near || !silent || sums.kills != expected.kills {
                return Err(format!(
                    "of {period}, swap {} and {} OOM kills were sampled, and {} in {} datums and {} came",
                    expected.swap, expected.kills, sums.swap, sums.swaps, sums.kills
                ));
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Figures {
    count: u64,
    sum: f64,
    lowest: f64,
    highest: f64,
    rounded: bool,
}

impl Figures {
    fn of(statistics: &Statistics) -> Figures {
        match statistics {
            Statistics::Values { values, counts } => Figures {
                count: counts.iter().sum(),
                sum: values
                    .iter()
                    .zip(counts.iter())
                    .map(|(value, count)| value * *count as f64)
                    .sum(),
                lowest: values.iter().copied().fold(f64::MAX, f64::min),
                highest: values.iter().copied().fold(f64::MIN, f64::max),
                rounded: true,
            },
            Statistics::Set { sample_count, sum, minimum, maximum } => Figures {
                count: *sample_count,
                sum: *sum,
                lowest: *minimum,
                highest: *maximum,
                rounded: false,
            },
        }
    }
}

/// The InstanceId's is the second; {Host} is the first.
fn set_of(datum: &Datum) -> usize {
    usize::from(datum.dimensions.first().is_some_and(|first| first.name == "InstanceId"))
}

const USED: &str = "MemoryUsedPercent";
pub const SETS: usize = 2;
pub const NO_PART: u32 = u32::MAX;
pub const PERIOD: std::time::Duration = std::time::Duration::from_secs(60);
