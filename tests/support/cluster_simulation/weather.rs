//! What happens in a seed's life, drawn before it begins.

use super::server::Time;
use fastrand::Rng;

pub struct Weather {
    /// Seconds.
    pub period: u32,
    pub members: usize,
    /// Until then things happen.
    pub end: Time,
    /// Rising.
    pub events: Vec<(Time, Event)>,
    /// The table holds a bad period of the future to begin with.
    pub bad_period: bool,
}

#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// kill -9, and a start after so long.
    Kill(usize, Time),
    /// The host is gone, and its connections with it, but nobody tells the server.
    Crash(usize, Time),
    /// SIGTERM, and a start after so long.
    Stop(usize, Time),
    /// SIGSTOP and SIGCONT.
    Freeze(usize, Time),
    /// The member's clock is set to so many milliseconds ahead of true time.
    Step(usize, i64),
    /// Nothing reaches the database and nothing comes back.
    Cut(usize, Time),
    /// The service is out of reach, or refuses.
    Mute(usize, Time),
    /// Writing a file takes long.
    SlowDisk(usize, Time),
    /// The service is out of reach for all.
    MuteAll(Time),
    /// The leader's session is killed at the server.
    KillSession,
    RestartServer(Time),
    FreezeServer(Time),
    /// A replica that lags so much is promoted; whether the old server lives on, read-only.
    Promote(Time, bool),
    ReadOnly(Time),
    /// And the end of it.
    Writable(usize),
    /// The database's clock.
    StepServer(i64),
    /// Delays of up to so much, for so long.
    Slow(Time, Time),
    /// One in ten messages is lost.
    Lossy(Time),
}

impl Weather {
    pub fn draw(seed: u64) -> Weather {
        let mut dice = Rng::with_seed(seed);
        let period = [2, 6, 10, 60][dice.usize(..4)];
        let length = Time::from(period) * 1_000_000;
        let members = [1, 2, 3, 3, 5, 8][dice.usize(..6)];
        let end = length * dice.u64(15..40);
        let busy = [0, 2, 5, 12, 30][dice.usize(..5)];
        let mut events: Vec<_> = (0..busy)
            .flat_map(|_| {
                let at = dice.u64(..end);
                draw_event(&mut dice, members, length)
                    .into_iter()
                    .map(move |(after, event)| (at + after, event))
            })
            .collect();
        events.retain(|(at, _)| *at < end);
        events.sort_by_key(|(at, _)| *at);
        Weather { period, members, end, events, bad_period: dice.u32(..8) == 0 }
    }
}

/// An event, and maybe what ends it.
fn draw_event(dice: &mut Rng, members: usize, period: Time) -> Vec<(Time, Event)> {
    let who = dice.usize(..members);
    // Short and long, around all of the protocol's times.
    let most = period * [1, 4, 12, 48][dice.usize(..4)] / 12;
    let span = dice.u64(1_000..=most);
    let millis = i64::try_from(period / 1_000).unwrap_or(i64::MAX);
    let event = match dice.u32(..21) {
        0..2 => Event::Kill(who, span),
        2 => Event::Crash(who, span),
        3 => Event::Stop(who, span),
        4..6 => Event::Freeze(who, span),
        6..8 => {
            // Never as far as the database's own steps, nor as near that both together would be
            // more than a period.
            let step = [3_600_000, 7 * millis, millis * 4 / 10][dice.usize(..3)];
            let step = if dice.bool() { step } else { -step };
            return vec![(0, Event::Step(who, step)), (span * 3, Event::Step(who, 0))];
        }
        8 => Event::Cut(who, span),
        9 => Event::Mute(who, span * 3),
        10 => Event::SlowDisk(who, span),
        11 => Event::MuteAll(span * 3),
        12..14 => Event::KillSession,
        14 => Event::RestartServer(span),
        15 => Event::FreezeServer(span),
        16 => Event::Promote(dice.u64(..period), dice.bool()),
        17 => Event::ReadOnly(span),
        18 => {
            let step = [7_200_000, 3 * millis, millis * 3 / 10][dice.usize(..3)];
            let step = if dice.bool() { step } else { -step };
            return vec![(0, Event::StepServer(step)), (span * 3, Event::StepServer(0))];
        }
        19 => Event::Slow(period / 4, span),
        _ => Event::Lossy(span),
    };
    vec![(0, event)]
}
