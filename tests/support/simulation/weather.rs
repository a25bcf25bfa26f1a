//! What happens in a seed's life, drawn before it begins.

use super::time::{HOUR, MINUTE, SECOND, Time};
use cwmem::window::Form;

pub struct Weather {
    pub kind: Kind,
    pub form: Form,
    /// `publish.every`, in periods.
    pub every: u32,
    pub place: f64,
    pub max_bytes: u64,
    pub service: Vec<Spell<Service>>,
    pub disk: Vec<Spell<Disk>>,
    /// Of 1,000 requests that meet no spell.
    pub flaky: u32,
    /// One in so many datums is refused; 0: none.
    pub poison: u64,
    /// What the wall clock is ahead when the host starts, in milliseconds.
    pub ahead: i64,
    /// Rising.
    pub events: Vec<(Time, Event)>,
}

/// When the host's InstanceId is known, and which sets are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Not on EC2: {Host}.
    Elsewhere,
    /// {InstanceId}, known at once.
    AtOnce,
    /// {Host} and {InstanceId}, known so long after each start.
    Late(Time),
    /// {InstanceId}, known so long after each start.
    LateAlone(Time),
}

#[derive(Debug, Clone, Copy)]
pub struct Spell<T> {
    pub from: Time,
    pub until: Time,
    pub what: T,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Throttles,
    /// And says when to come again.
    ThrottlesWithWish,
    Fails,
    Hangs,
    /// Stores, and the answer is lost.
    Lies,
    NoRoute,
    /// A proxy answers in its place.
    Captive,
    Denies,
    Slow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    Frozen,
    Full,
    Failing,
    Slow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// kill -9; the agent is back after so long.
    Kill(Time),
    /// SIGTERM, and a start after so long.
    Restart(Time),
    /// The host loses its memory.
    PowerCut(Time),
    Reload,
    /// Of the wall clock, in milliseconds; `None`: to the right time.
    Step(Option<i64>),
    Suspend(Time),
    OomKill,
    /// Swap is used from now on, or not any more.
    Swap(bool),
}

/// Draws from the seed.
pub struct Dice(pub fastrand::Rng);

impl Dice {
    pub fn new(seed: u64, stream: u64) -> Dice {
        Dice(fastrand::Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(stream)))
    }

    pub fn one_in(&mut self, count: u32) -> bool {
        self.0.u32(..count.max(1)) == 0
    }

    pub fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.0.usize(..choices.len())]
    }

    /// Between the two, each order of magnitude as likely as the next.
    pub fn time(&mut self, least: Time, most: Time) -> Time {
        let (low, high) = ((least.max(1) as f64).ln(), (most as f64).ln());
        (low + (high - low) * self.0.f64()).exp() as Time
    }
}

impl Weather {
    pub fn draw(seed: u64, end: Time) -> Weather {
        let mut dice = Dice::new(seed, 1);
        let kind = match dice.0.u32(..10) {
            0..4 => Kind::Elsewhere,
            4..7 => Kind::AtOnce,
            7..9 => Kind::Late(dice.time(100_000, 2 * HOUR)),
            _ => Kind::LateAlone(dice.time(100_000, HOUR)),
        };
        let mut weather = Weather {
            kind,
            form: dice.of(&[Form::Set, Form::Values]),
            every: dice.of(&[1, 1, 1, 2, 5]),
            place: dice.0.f64(),
            max_bytes: if dice.one_in(8) { 4_096 * dice.0.u64(3..200) } else { 64 << 20 },
            service: Vec::new(),
            disk: Vec::new(),
            flaky: dice.of(&[0, 0, 5, 30, 300]),
            poison: if dice.one_in(6) { dice.0.u64(20..2_000) } else { 0 },
            ahead: 0,
            events: Vec::new(),
        };
        weather.draw_spells(&mut dice, end);
        weather.draw_events(&mut dice, end);
        weather
    }

    fn draw_spells(&mut self, dice: &mut Dice, end: Time) {
        use Service::*;
        let kinds =
            [Throttles, ThrottlesWithWish, Fails, Hangs, Lies, NoRoute, Captive, Denies, Slow];
        for _ in 0..dice.of(&[0, 1, 2, 6, 12]) {
            let spell = dice.spell(end, kinds.len(), 10 * HOUR);
            self.service.push(spell.with(kinds[spell.what]));
        }
        let kinds = [Disk::Frozen, Disk::Full, Disk::Failing, Disk::Slow];
        for _ in 0..dice.of(&[0, 0, 1, 3]) {
            let longest = if dice.one_in(4) { 5 * HOUR } else { 20 * MINUTE };
            let spell = dice.spell(end, kinds.len(), longest);
            self.disk.push(spell.with(kinds[spell.what]));
        }
        if dice.one_in(12) {
            // Mounted late.
            let until = dice.time(SECOND, HOUR);
            self.disk.push(Spell { from: 0, until, what: Disk::Failing });
        }
    }

    fn draw_events(&mut self, dice: &mut Dice, end: Time) {
        let busy = dice.of(&[0, 1, 1, 3, 10]);
        for _ in 0..busy {
            let down = dice.time(50_000, 10 * MINUTE);
            let down = if dice.one_in(10) { down * 12 } else { down };
            let event = match dice.0.u32(..20) {
                0..10 => Event::Kill(down),
                10..13 => Event::Restart(down),
                13..16 => Event::Reload,
                16 => Event::PowerCut(down + 15 * SECOND),
                17 => Event::Suspend(dice.time(SECOND, 3 * HOUR)),
                _ => {
                    self.draw_step(dice, end);
                    continue;
                }
            };
            self.events.push((dice.0.u64(..end), event));
        }
        for _ in 0..dice.of(&[0, 1, 4]) {
            self.events.push((dice.0.u64(..end), Event::OomKill));
        }
        for _ in 0..dice.of(&[0, 1, 2]) {
            let from = dice.0.u64(..end);
            let until = from + dice.time(10 * SECOND, 4 * HOUR);
            self.events.extend([(from, Event::Swap(true)), (until, Event::Swap(false))]);
        }
        if dice.one_in(15) {
            // Before NTP.
            self.ahead = dice.of(&[-1_795_443_000_000, -86_400_000, 40_000, 3_600_000]);
            self.events.push((dice.time(SECOND, 10 * MINUTE), Event::Step(None)));
        }
        self.events.sort_by_key(|(at, _)| *at);
    }

    fn draw_step(&mut self, dice: &mut Dice, end: Time) {
        let hour = 3_600_000;
        let week = 7 * 24 * hour;
        let step = dice.of(&[hour, -hour, 3 * week, -3 * week, 1_500, -1_500, 45_000, -130_000]);
        let at = dice.0.u64(..end);
        let back = at + dice.time(SECOND, 6 * HOUR);
        self.events.extend([(at, Event::Step(Some(step))), (back, Event::Step(None))]);
    }

    /// Nothing more happens.
    pub fn calm(&mut self, now: Time) {
        self.service.clear();
        self.disk.clear();
        self.events.retain(|(at, _)| *at <= now);
        self.flaky = 0;
    }

    /// The service refuses some datums: for what they are, or for the clock that stamped them.
    pub fn is_refused(&self) -> bool {
        let step = |(_, event): &(Time, Event)| matches!(event, Event::Step(_));
        self.poison > 0 || self.ahead != 0 || self.events.iter().any(step)
    }

    /// The order of what waits is another than that of the files' names.
    pub fn is_rough_on_order(&self) -> bool {
        let step = |(_, event): &(Time, Event)| matches!(event, Event::Step(_));
        !self.disk.is_empty() || self.ahead != 0 || self.events.iter().any(step)
    }

    pub fn service_at(&self, time: Time) -> Option<Service> {
        at(&self.service, time).map(|spell| spell.what)
    }

    pub fn disk_at(&self, time: Time) -> Option<Spell<Disk>> {
        at(&self.disk, time).copied()
    }
}

fn at<T>(spells: &[Spell<T>], time: Time) -> Option<&Spell<T>> {
    spells.iter().find(|spell| (spell.from..spell.until).contains(&time))
}

impl Dice {
    fn spell(&mut self, end: Time, kinds: usize, longest: Time) -> Spell<usize> {
        let from = self.0.u64(..end);
        let until = (from + self.time(10 * SECOND, longest)).min(end);
        Spell { from, until, what: self.0.usize(..kinds) }
    }
}

impl Spell<usize> {
    fn with<T>(&self, what: T) -> Spell<T> {
        Spell { from: self.from, until: self.until, what }
    }
}
