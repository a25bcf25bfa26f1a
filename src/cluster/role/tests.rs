//! The role machine, step by step: time is set by hand.

use super::*;
use crate::clock::Timestamp;
use proptest::prelude::*;

const P: i64 = 60;
/// A period's start.
const START: i64 = 1_795_443_660;

/// A member whose clocks agree with the database's unless told otherwise.
struct Member {
    role: Role,
    /// Milliseconds since START.
    now: i64,
    /// What its wall clock is ahead of the database's, in milliseconds.
    ahead: i64,
}

impl Member {
    fn new(place: f64) -> Member {
        let timing = Timing::new(Duration::from_secs(P as u64)).unwrap();
        Member { role: Role::new(timing, place), now: 0, ahead: 0 }
    }

    fn moment(&self) -> Moment {
        Moment { wall: Timestamp(START * 1_000 + self.now + self.ahead), boot: self.boot(self.now) }
    }

    fn boot(&self, millis: i64) -> Boottime {
        Boottime(((1_000_000 + millis) * 1_000) as u64)
    }

    fn database(&self) -> i64 {
        START * 1_000 + self.now
    }

    fn next(&mut self) -> Step {
        self.role.next(self.moment())
    }

    fn hear(&mut self, heard: Heard) {
        self.role.heard(heard, self.moment());
    }

    fn cluster(&self, claim_age_millis: Option<i64>) -> Cluster {
        let database_millis = self.database();
        Cluster { period_length: P as u32, claim_age_millis, read_only: false, database_millis }
    }

    fn visited(&mut self, claim_age_millis: Option<i64>) {
        self.hear(Heard::Visited(self.cluster(claim_age_millis)));
    }

    fn beat(&mut self) {
        let database_millis = self.database();
        self.hear(Heard::Beat(Beat { held: true, read_only: false, database_millis }));
    }

    fn standing(&self) -> Standing {
        self.role.standing(self.moment().boot)
    }

    /// A leader that reported, at `now`.
    fn leader(now: i64) -> Member {
        let mut member = Member::new(0.0);
        member.now = now;
        assert!(matches!(member.next(), Step::Visit { .. }));
        member.visited(None);
        assert!(matches!(member.next(), Step::TryLock { .. }));
        member.hear(Heard::Locked(true));
        member
    }

    /// Answers everything well until something other than a heartbeat, a report or a wait comes.
    fn on(&mut self) -> Step {
        for _ in 0..10_000 {
            match self.next() {
                Step::Wait(until) => {
                    let millis = until.0.div_ceil(1_000) as i64 - 1_000_000;
                    self.now = millis.max(self.now + 1);
                }
                Step::Heartbeat { .. } => self.beat(),
                Step::Report { .. } => self.hear(Heard::Done),
                step => return step,
            }
        }
        unreachable!("nothing happens")
    }
}

#[test]
fn a_follower_visits_once_a_period_at_its_place() {
    let mut member = Member::new(0.5);
    member.now = -25_000;
    // The first visit is made at its place after the start, for the last period whose turn has come.
    assert_eq!(member.next(), Step::Wait(member.boot(-10_000)));
    member.now = -10_000;
    let by = member.boot(-5_000);
    assert_eq!(member.next(), Step::Visit { period: START - 2 * P, by });
    member.visited(Some(20_000));
    assert_eq!(member.next(), Step::Wait(member.boot(15_000)));
    member.now = 15_000;
    let by = member.boot(20_000);
    assert_eq!(member.next(), Step::Visit { period: START - P, by });
    member.hear(Heard::Failed);
    assert_eq!(member.next(), Step::Wait(member.boot(75_000)));
    assert_eq!(member.standing(), Standing::Follower);
}

#[test]
fn only_a_stale_claim_is_tried_after() {
    for (age, place, tries) in [
        (None, 0.0, true),
        (Some(90_000), 0.0, false),
        (Some(90_001), 0.0, true),
        (Some(95_000), 1.0, false),
        (Some(100_001), 1.0, true),
        (Some(-1_000), 0.0, false),
        (Some(-3_600_000), 0.0, true),
    ] {
        let mut member = Member::new(place);
        if let Step::Wait(_) = member.next() {
            member.now += P * 1_000 / 2;
            member.next();
        }
        member.visited(age);
        let step = member.next();
        assert_eq!(matches!(step, Step::TryLock { .. }), tries, "{age:?} {place}: {step:?}");
        if tries {
            member.hear(Heard::Locked(false));
            assert!(matches!(member.next(), Step::Wait(_)));
        }
    }
}

#[test]
fn what_stands_in_the_way_is_told() {
    let fine = Member::new(0.0).cluster(None);
    let apart = |millis: i64| Cluster { database_millis: START * 1_000 + millis, ..fine };
    for (cluster, obstacle) in [
        (Cluster { period_length: 30, ..fine }, Some(Obstacle::PeriodLength { found: 30 })),
        (Cluster { read_only: true, ..fine }, Some(Obstacle::ReadOnly)),
        (apart(3_600_000), Some(Obstacle::Clock { apart: 3_600_000 })),
        (apart(-30_001), Some(Obstacle::Clock { apart: -30_001 })),
        (apart(30_000), None),
    ] {
        let mut member = Member::new(0.0);
        member.next();
        member.hear(Heard::Visited(cluster));
        assert_eq!(member.role.obstacle(), obstacle);
        assert_eq!(matches!(member.next(), Step::TryLock { .. }), obstacle.is_none());
    }
}

#[test]
fn a_leader_claims_folds_and_notes() {
    let mut member = Member::leader(1_000);
    assert_eq!(member.standing(), Standing::Leader);
    let by = member.boot(4_000);
    assert_eq!(member.next(), Step::Heartbeat { by });
    member.beat();
    let by = member.boot(38_000);
    assert_eq!(member.on(), Step::Claim { period: START - P, by });
    assert_eq!(member.now, 35_000);
    member.now += 100;
    member.hear(Heard::Claimed(true));
    let (by, spool_by) = (member.boot(38_100), member.boot(40_000));
    assert_eq!(member.next(), Step::Fold { period: START - P, by, spool_by });
    member.hear(Heard::Done);
    member.role.delivered(START - P);
    assert!(matches!(member.next(), Step::Note { period, .. } if period == START - P));
    member.hear(Heard::Done);
    assert!(matches!(member.on(), Step::Claim { period: START, .. }));
    assert_eq!(member.now, 95_000);
}

#[test]
fn a_new_leader_claims_at_once_what_is_still_open() {
    let mut member = Member::leader(50_000);
    assert!(matches!(member.on(), Step::Claim { period, .. } if period == START - P));
    assert_eq!(member.now, 50_000);
    let mut member = Member::leader(10_000);
    assert!(matches!(member.on(), Step::Claim { period, .. } if period == START - P));
    assert_eq!(member.now, 35_000);
}

#[test]
fn the_lease_runs_from_when_the_heartbeat_was_sent() {
    let mut member = Member::leader(1_000);
    member.next();
    member.now = 3_500;
    member.beat();
    assert_eq!(member.role.lease(), Some(member.boot(16_000)));
    // Frozen, and woken when the lease is over: not even a heartbeat.
    member.now = 16_000;
    assert_eq!(member.next(), Step::Close);
    assert_eq!(member.standing(), Standing::Follower);
    assert_eq!(member.next(), Step::Wait(member.boot(60_000)));
}

#[test]
fn a_pause_after_the_claim_skips_the_period() {
    let mut member = Member::leader(1_000);
    assert!(matches!(member.on(), Step::Claim { .. }));
    member.now += 5_000;
    member.hear(Heard::Claimed(true));
    // The claim's time is over, the lease isn't.
    assert!(matches!(member.next(), Step::Heartbeat { .. }));
    member.beat();
    assert!(matches!(member.on(), Step::Claim { period: START, .. }));
}

#[test]
fn whatever_fails_ends_the_leadership() {
    let beat = |held, read_only| Heard::Beat(Beat { held, read_only, database_millis: 0 });
    for (heard, closes) in
        [(Heard::Failed, false), (beat(false, false), true), (beat(true, true), true)]
    {
        let mut member = Member::leader(1_000);
        assert!(matches!(member.next(), Step::Heartbeat { .. }));
        member.hear(heard);
        assert_eq!(member.standing(), Standing::Follower);
        if closes {
            assert_eq!(member.next(), Step::Close);
        }
        assert_eq!(member.next(), Step::Wait(member.boot(60_000)));
    }
}

#[test]
fn two_fruitless_periods_and_it_abstains_for_ten() {
    let mut member = Member::leader(1_000);
    // One whose claim is refused, one that isn't delivered.
    assert!(matches!(member.on(), Step::Claim { period, .. } if period == START - P));
    member.hear(Heard::Claimed(false));
    assert!(matches!(member.on(), Step::Claim { period: START, .. }));
    member.hear(Heard::Claimed(true));
    assert!(matches!(member.on(), Step::Fold { .. }));
    member.hear(Heard::Done);
    assert!(matches!(member.on(), Step::Release { .. }));
    assert_eq!(member.now, 155_000);
    member.hear(Heard::Done);
    let until = member.boot(755_000);
    assert_eq!(member.standing(), Standing::Abstaining { until });
    loop {
        let step = member.on();
        if member.now >= 755_000 {
            assert!(matches!(step, Step::Visit { .. }));
            break;
        }
        assert!(matches!(step, Step::Visit { .. }), "{step:?}");
        member.visited(Some(3_600_000));
    }
    member.visited(Some(3_600_000));
    assert!(matches!(member.next(), Step::TryLock { .. }));
}

#[test]
fn a_leader_whose_clock_steps_gives_up() {
    for step in [3_600_000, -3_600_000] {
        let mut member = Member::leader(1_000);
        member.ahead = step;
        assert!(matches!(member.on(), Step::Release { .. }));
        assert_eq!(member.now, 155_000);
        assert!(matches!(member.role.obstacle(), Some(Obstacle::Clock { .. })));
    }
}

#[test]
fn delivered_summaries_keep_a_leader_in_office() {
    let mut member = Member::leader(1_000);
    for period in 0..20 {
        let step = member.on();
        let expected = START + (period - 1) * P;
        assert!(matches!(step, Step::Claim { period, .. } if period == expected), "{step:?}");
        member.hear(Heard::Claimed(true));
        assert!(matches!(member.on(), Step::Fold { .. }));
        member.hear(Heard::Done);
        // Every other one fails.
        if period % 2 == 0 {
            member.role.delivered(expected);
            assert!(matches!(member.on(), Step::Note { .. }));
            member.hear(Heard::Done);
        }
    }
}

#[test]
fn a_stop_releases_and_deregisters() {
    let mut member = Member::leader(1_000);
    let by = member.boot(6_000);
    member.role.stop(by);
    assert_eq!(member.next(), Step::Release { by: member.boot(4_000) });
    member.hear(Heard::Done);
    assert_eq!(member.next(), Step::Deregister { by });
    member.hear(Heard::Failed);
    assert_eq!((member.next(), member.standing()), (Step::Ended, Standing::Stopped));

    let mut member = Member::new(0.0);
    member.role.stop(member.boot(5_000));
    assert!(matches!(member.next(), Step::Deregister { .. }));
    member.hear(Heard::Done);
    assert_eq!(member.next(), Step::Ended);

    let mut member = Member::leader(1_000);
    member.role.stop(member.boot(500));
    assert_eq!(member.next(), Step::Close);
    assert_eq!(member.next(), Step::Ended);
}

#[test]
fn a_step_of_the_wall_clock_is_news_but_no_storm() {
    let mut member = Member::new(0.0);
    member.next();
    member.visited(Some(0));
    member.ahead = -3_600_000;
    assert_eq!(member.next(), Step::Wait(member.boot(15_000)));
    member.now = 15_000;
    assert!(matches!(member.next(), Step::Visit { period, .. } if period == START - 61 * P));
}

proptest! {
    /// Whatever is heard, in whatever order: no step is asked for beyond the lease, no period twice
    /// in one leadership, and the machine never waits for the past for ever.
    #[test]
    fn nothing_heard_breaks_the_lease(
        script in prop::collection::vec((0u8..9, 0i64..20_000), 1..300),
        place in 0.0..1.0f64,
    ) {
        let mut member = Member::new(place);
        let mut claimed = Vec::new();
        for (answer, pause) in script {
            let lease = member.role.lease();
            let step = member.next();
            let on_session = match step {
                Step::Heartbeat { by } | Step::Claim { by, .. } | Step::Report { by, .. }
                | Step::Note { by, .. } | Step::Fold { by, .. } => Some(by),
                _ => None,
            };
            if let Some(by) = on_session {
                prop_assert!(Some(by) <= lease && member.moment().boot < by, "{step:?} {lease:?}");
            }
            if let Step::Claim { period, .. } = step {
                prop_assert!(!claimed.contains(&period));
                claimed.push(period);
            }
            if !matches!(member.standing(), Standing::Leader) {
                claimed.clear();
            }
            member.now += pause;
            match answer {
                0 => member.hear(Heard::Failed),
                1 => member.hear(Heard::Locked(true)),
                2 => member.hear(Heard::Claimed(pause % 2 == 0)),
                3 => member.visited(None),
                4 => member.hear(Heard::Done),
                _ => match step {
                    Step::Visit { .. } => member.visited(None),
                    Step::TryLock { .. } => member.hear(Heard::Locked(true)),
                    Step::Heartbeat { .. } => member.beat(),
                    Step::Claim { .. } => member.hear(Heard::Claimed(true)),
                    _ => member.hear(Heard::Done),
                },
            }
        }
    }
}
