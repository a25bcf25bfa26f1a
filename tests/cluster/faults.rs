//! Twenty agents while their leaders are killed, frozen and cut off, their sessions killed, and the
//! server killed, frozen and cut off: no period is spoken for by two members, and after the last
//! fault there is a leader again within the documented bound. And what becomes of that without the
//! claim.
//!
//! CWMEM_CLUSTER_SECONDS says for how long, and CWMEM_CLUSTER_SEED which faults.

use crate::SECOND;
use crate::fleet::{Host, PERIOD, Plan, periods, speakers, speakers_of, wait_until, world};
use crate::support::cloudwatch::{Double, Seen};
use crate::support::mariadb::Server;
use crate::support::relay::Way;
use cwmem::cluster::timing::Timing;
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    LeaderKilled,
    /// Shorter than its session may be silent.
    LeaderFrozenShortly,
    LeaderFrozen,
    LeaderCutOff,
    LeaderSessionKilled,
    /// And a member is started that moment.
    AllSessionsKilled,
    ServerKilled,
    ServerFrozen,
    ServerCutOff,
}

/// Each once, then as they come.
const FAULTS: [Fault; 9] = [
    Fault::LeaderFrozenShortly,
    Fault::LeaderFrozen,
    Fault::LeaderSessionKilled,
    Fault::LeaderCutOff,
    Fault::ServerKilled,
    Fault::LeaderKilled,
    Fault::ServerFrozen,
    Fault::AllSessionsKilled,
    Fault::ServerCutOff,
];
const MEMBERS: u64 = 20;
/// Faults in a row at most, once each kind has been.
const AT_ONCE: usize = 5;
/// What a busy machine adds to a bound.
const BUSY: Duration = PERIOD;

struct Scene<'a> {
    server: &'a mut Server,
    hosts: Vec<Host>,
    random: fastrand::Rng,
    /// What ends later: when, and of which host.
    later: Vec<(Instant, usize, Later)>,
    done: BTreeMap<Fault, usize>,
    timing: Timing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Later {
    Start,
    Thaw,
    Join,
}

#[test]
fn no_fault_makes_two_speak_for_one_period() {
    let began = Instant::now();
    let (mut server, double) = world();
    let hosts = Plan::new(&server, &double).hosts(1..=MEMBERS);
    hosts[0].command(&["cluster", "init"]);
    let spoken = |count| move |seen: &_| periods(seen, "ClusterMembers").len() >= count;
    double.wait_for(SECOND * 60, spoken(1)).unwrap();
    let time = SECOND * number("CWMEM_CLUSTER_SECONDS", 65) as u32;
    let random = fastrand::Rng::with_seed(number("CWMEM_CLUSTER_SEED", 5));
    let timing = Timing::new(PERIOD).unwrap();
    let (later, done) = (Vec::new(), BTreeMap::new());
    let mut scene = Scene { server: &mut server, hosts, random, later, done, timing };
    let longest = scene.play(&double, began + time);
    tell(&double.seen(), &scene.done, &timing, longest, began.elapsed());
    for host in &scene.hosts {
        let open = std::fs::read_dir(format!("/proc/{}/fd", host.agent.id())).unwrap().count();
        assert!(open < 40, "{open} descriptors: {}", host.agent.said());
    }
}

/// Checks that no period was spoken for by two, and how many by none.
fn tell(
    seen: &Seen,
    done: &BTreeMap<Fault, usize>,
    timing: &Timing,
    longest: Duration,
    took: Duration,
) {
    let (mut repeated, speakers) = (0, speakers(seen));
    for (period, speakers) in &speakers {
        assert_eq!(speakers.len(), 1, "{period:?}: {speakers:?} after {done:?}");
    }
    // A member that is killed while it sends sends again: CloudWatch has no token against that.
    for (period, said) in periods(seen, "ClusterMembers") {
        assert!(said.sample_count <= 2.0, "{period:?}: {said:?}");
        repeated += usize::from(said.sample_count > 1.0);
    }
    let (first, last) = (speakers.first_key_value().unwrap(), speakers.last_key_value().unwrap());
    let all = last.0.duration_since(*first.0).unwrap().as_secs() / PERIOD.as_secs() + 1;
    let lost = usize::try_from(all).unwrap() - speakers.len();
    let faults: usize = done.values().sum();
    let bound = timing.claim_again().as_secs().div_ceil(PERIOD.as_secs());
    println!(
        "{MEMBERS} members for {:.0} s: {all} periods, none spoken for by two, {lost} by nobody after {faults} faults \
         (the bound: {bound} a fault) {done:?}; {repeated} sent twice by one member; at most {:.1} s \
         from the last of several faults to the next summary (the bound: {:.1} s)",
        took.as_secs_f64(),
        longest.as_secs_f64(),
        timing.claim_again().as_secs_f64(),
    );
    assert!(lost <= faults * usize::try_from(bound).unwrap(), "{lost} of {all} after {done:?}");
    let restarted = [Fault::LeaderKilled, Fault::AllSessionsKilled];
    let killed: usize = restarted.iter().filter_map(|fault| done.get(fault)).sum();
    assert!(repeated <= killed, "{repeated} after {done:?}");
}

impl Scene<'_> {
    /// The longest time from the last fault of several to the next summary.
    fn play(&mut self, double: &Double, end: Instant) -> Duration {
        let mut longest = Duration::ZERO;
        let mut turn = 0;
        while Instant::now() < end {
            // As soon as there is a leader again, before it has to claim in peace.
            let at_once = if turn == 0 { FAULTS.len() } else { self.random.usize(1..=AT_ONCE) };
            for _ in 0..at_once {
                if Instant::now() > end {
                    break;
                }
                let next = FAULTS.get(turn).copied();
                let fault = next.unwrap_or_else(|| FAULTS[self.random.usize(..FAULTS.len())]);
                self.inflict(fault);
                *self.done.entry(fault).or_default() += 1;
                turn += 1;
            }
            while !self.later.is_empty() {
                self.pause(SECOND / 10);
            }
            longest = longest.max(self.calm(double));
        }
        longest
    }

    /// Until a period is spoken for that ended since; how long that took.
    fn calm(&self, double: &Double) -> Duration {
        let (start, now) = (Instant::now(), SystemTime::now());
        let next = |seen: &Seen| speakers(seen).into_keys().any(|period| period + PERIOD > now);
        let patience = self.timing.claim_again() + BUSY;
        if double.wait_for(patience, next).is_err() {
            let said =
                self.hosts.iter().map(|host| format!("{}\n{}\n", host.name, host.agent.said()));
            panic!(
                "no summary within {patience:?} after {:?}:\n{}",
                self.done,
                said.collect::<String>()
            );
        }
        start.elapsed()
    }

    fn inflict(&mut self, fault: Fault) {
        let place = self.holder();
        // Any moment of its time: before, in and after a claim.
        let time = Duration::from_millis(self.random.u64(..1_000));
        self.pause(time);
        let leader = &mut self.hosts[place];
        match fault {
            Fault::LeaderKilled => {
                leader.agent.kill();
                self.later(place, Later::Start, 500..3_000);
            }
            Fault::LeaderFrozenShortly => {
                leader.freeze();
                let time = Duration::from_millis(self.random.u64(200..1_000));
                self.pause(time);
                self.hosts[place].thaw();
            }
            Fault::LeaderFrozen => {
                leader.freeze();
                self.later(place, Later::Thaw, 2_500..9_000);
            }
            Fault::LeaderCutOff => {
                leader.relay.set(Way::Silent);
                self.later(place, Later::Join, 2_500..9_000);
            }
            Fault::LeaderSessionKilled => {
                // There may be none any more.
                self.server.say(&format!(
                    "DELIMITER //\nBEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR 1094 BEGIN END; \
                     KILL CONNECTION {HOLDER}; END //"
                ));
            }
            Fault::AllSessionsKilled => {
                self.server.say("KILL USER cwmem");
                let other =
                    (place + 1 + self.random.usize(..self.hosts.len() - 1)) % self.hosts.len();
                if self.is_well(other) {
                    let other = &mut self.hosts[other];
                    other.agent.kill();
                    other.agent = other.setup.start();
                }
            }
            Fault::ServerKilled => self.server.restart(),
            Fault::ServerFrozen => {
                self.server.signal("STOP");
                let time = Duration::from_millis(self.random.u64(500..5_000));
                self.pause(time);
                self.server.signal("CONT");
            }
            Fault::ServerCutOff => {
                self.hosts.iter().for_each(|host| host.relay.set(Way::Closed));
                let time = Duration::from_millis(self.random.u64(100..4_000));
                self.pause(time);
                self.later.retain(|(_, _, later)| *later != Later::Join);
                self.hosts.iter().for_each(|host| host.relay.set(Way::Open));
            }
        }
    }

    /// Whose session has the lock, as soon as somebody's has.
    fn holder(&mut self) -> usize {
        let start = Instant::now();
        let bound = self.timing.leader_again() + self.timing.wait_timeout() + BUSY;
        loop {
            let ask =
                format!("SELECT HOST FROM information_schema.PROCESSLIST WHERE ID = {HOLDER}");
            let port = self.server.say(&ask).rsplit(':').next().and_then(|port| port.parse().ok());
            if let Some(port) = port
                && let Some(place) = self.hosts.iter().position(|host| host.relay.carries(port))
                && self.is_well(place)
            {
                return place;
            }
            assert!(start.elapsed() < bound, "nobody leads within {bound:?} after {:?}", self.done);
            self.pause(SECOND / 5);
        }
    }

    fn is_well(&self, place: usize) -> bool {
        self.later.iter().all(|(_, other, _)| *other != place)
    }

    fn later(&mut self, place: usize, what: Later, millis: std::ops::Range<u64>) {
        let time = Duration::from_millis(self.random.u64(millis));
        self.later.push((Instant::now() + time, place, what));
    }

    /// Lets time pass, and what is due happen.
    fn pause(&mut self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            let now = Instant::now();
            let due: Vec<_> = self.later.extract_if(.., |(at, _, _)| *at <= now).collect();
            for (_, place, what) in due {
                let host = &mut self.hosts[place];
                match what {
                    Later::Start => host.agent = host.setup.start(),
                    Later::Thaw => host.thaw(),
                    Later::Join => host.relay.set(Way::Open),
                }
            }
            let Some(left) = end.checked_duration_since(now) else { return };
            std::thread::sleep(left.min(SECOND / 20));
        }
    }
}

/// Nobody would ask for the lock so soon after a claim: the row is made to say that there was none,
/// the leader's session is killed, and another member started. It leads within the same period, and
/// claims it again.
#[test]
fn without_the_claim_two_speak_for_one_period() {
    let (server, double) = world();
    let plan = Plan::new(&server, &double);
    let with = [plan.host(1), plan.host(2)];
    let plan = Plan { cluster: "unclaimed", ..plan };
    let granted =
        |number| plan.host_with(number, |setup| setup.variable("CWMEM_TEST_CLAIMS", "granted"));
    let without = [granted(3), granted(4)];
    with[0].command(&["cluster", "init"]);
    let (with, without) = std::thread::scope(|scope| {
        let with = scope.spawn(|| doubled(&server, &double, "web", with));
        let without = scope.spawn(|| doubled(&server, &double, "unclaimed", without));
        (with.join().unwrap(), without.join().unwrap())
    });
    println!("periods of {ATTEMPTS} that two spoke for: {with} with the claim, {without} without");
    assert_eq!(with, 0);
    assert!(without > 0);
}

/// How many periods were spoken for by two, of `ATTEMPTS` in which the other led in time.
fn doubled(server: &Server, double: &Double, cluster: &str, mut hosts: [Host; 2]) -> usize {
    let mut led = 0;
    for _ in 0..3 * ATTEMPTS {
        let before = speakers_of(&double.seen(), cluster).len();
        let spoken = |seen: &Seen| speakers_of(seen, cluster).len() > before;
        double.wait_for(SECOND * 60, spoken).unwrap();
        let Some(leader) = hosts.iter().position(Host::is_leader) else { continue };
        let clear = "UPDATE cwmem.cwmem_cluster SET claimed_at=NULL WHERE";
        server.say(&format!("{clear} cluster='{cluster}'"));
        server.say(&format!("KILL CONNECTION IS_USED_LOCK('cwmem:leader:cwmem/{cluster}')"));
        let other = &mut hosts[1 - leader];
        other.agent.kill();
        other.agent = other.setup.start();
        let start = Instant::now();
        let in_time = || hosts[1 - leader].is_leader();
        // On a busy machine it may come too late, and the old one be the first to ask.
        wait_until("a leader", SECOND * 30, || {
            in_time() || start.elapsed() > PERIOD / 2 && hosts[leader].is_leader()
        });
        led += usize::from(start.elapsed() < PERIOD / 2);
        if led == ATTEMPTS {
            break;
        }
    }
    assert_eq!(led, ATTEMPTS, "{}", hosts[0].agent.said());
    std::thread::sleep(PERIOD / 2);
    let said = speakers_of(&double.seen(), cluster);
    said.values().filter(|speakers| speakers.len() > 1).count()
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

/// The session that has the lock.
const HOLDER: &str = "IS_USED_LOCK('cwmem:leader:cwmem/web')";
const ATTEMPTS: usize = 3;
