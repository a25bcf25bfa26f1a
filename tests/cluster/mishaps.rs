//! What a cluster must not be misled by, one at a time: a leader that wakes, dawdles, has a wrong
//! clock or may not publish; rows that nobody can have written; neighbours in the same server;
//! members of another period; a server that takes no writes.

use crate::fleet::{Host, PERIOD, Plan, freeze, key, speakers_of, summary_of, wait_until, world};
use crate::support::cloudwatch::{Double, Fault, Seen};
use crate::support::relay::When;
use crate::{FOLLOWED, SECOND};
use cwmem::cluster::timing::{FRUITLESS_PERIODS, Timing};
use std::sync::mpsc;
use std::time::{Duration, SystemTime};

/// The text by which a claim is known, and that by which the rows are read to be folded.
const CLAIM: &str = "epoch=epoch+1";
const FOLD: &str = "FROM cwmem_member WHERE";
/// What a busy machine adds.
const BUSY: Duration = PERIOD;

type Case = fn(&Plan<'_>, &Double);

/// A test of its own each, in one server.
#[test]
fn nothing_that_is_wrong_is_spoken() {
    let (server, double) = world();
    server.say("CREATE DATABASE other; GRANT ALL ON other.* TO cwmem@'%'");
    let first = Plan::new(&server, &double);
    let plan = |cluster| Plan { cluster, ..first.clone() };
    let cases: [(&str, Case); 5] = [
        ("sleepy", a_leader_that_sleeps_says_nothing_of_that_time),
        ("ahead", |plan, double| a_wrong_clock_gives_the_lock_up(plan, double, 3_600)),
        ("behind", |plan, double| a_wrong_clock_gives_the_lock_up(plan, double, -3_600)),
        ("mute", who_may_not_publish_gives_the_lock_up),
        ("web", neighbours_and_bad_rows_change_nothing),
    ];
    plan("first").host(30).command(&["cluster", "init"]);
    std::thread::scope(|scope| {
        for (cluster, case) in cases {
            let (plan, double) = (plan(cluster), &double);
            scope.spawn(move || case(&plan, double));
        }
    });
    for cluster in ["sleepy", "ahead", "behind", "mute", "web", "jobs"] {
        for (period, speakers) in speakers_of(&double.seen(), cluster) {
            assert_eq!(speakers.len(), 1, "{cluster} at {period:?}: {speakers:?}");
        }
    }
}

/// Between asking for a period and having it; between having it and its file; and until another
/// leads.
fn a_leader_that_sleeps_says_nothing_of_that_time(plan: &Plan<'_>, double: &Double) {
    let hosts = plan.hosts(1..=2);
    for when in [When::Answered(CLAIM), When::Answered(FOLD)] {
        let leader = &hosts[leader(plan, double, &hosts)];
        let too_long = timing().spool_deadline() + SECOND / 2;
        let (told, asleep) = mpsc::channel();
        let process = leader.agent.id();
        leader.relay.trap(when, move || {
            freeze(process);
            told.send(epoch_seconds(SystemTime::now())).unwrap();
        });
        let slept = asleep.recv_timeout(FOLLOWED).unwrap();
        std::thread::sleep(too_long);
        let claimed = of_row(plan, "period");
        leader.thaw();
        assert!(claimed >= slept - 2 * plan.period, "{claimed} was claimed, and it is {slept}");
        let later = |seen: &Seen| newest(seen, plan.cluster) > claimed;
        let seen = double.wait_for(FOLLOWED, later).unwrap();
        let said: Vec<u64> = spoken(&seen, plan.cluster);
        assert!(!said.contains(&claimed), "{claimed} was spoken for: {}", leader.agent.said());
        println!("{}: a leader that slept at {when:?} skipped its period", plan.cluster);
    }
    let place = leader(plan, double, &hosts);
    let (zombie, other) = (&hosts[place], &hosts[1 - place]);
    let (told, asleep) = mpsc::channel();
    let (wake, woken) = mpsc::channel::<()>();
    let process = zombie.agent.id();
    // With its claim on the way, which arrives when it wakes.
    zombie.relay.trap(When::Asked(CLAIM), move || {
        freeze(process);
        told.send(()).unwrap();
        let _ = woken.recv();
    });
    asleep.recv_timeout(FOLLOWED).unwrap();
    let before = newest(&double.seen(), plan.cluster);
    let of_other = |seen: &Seen, count| {
        let mut said = speakers_of(seen, plan.cluster);
        said.retain(|period, _| epoch_seconds(*period) > before);
        said.len() >= count && said.values().all(|speakers| *speakers == [key(&other.name)].into())
    };
    double.wait_for(FOLLOWED, |seen| of_other(seen, 1)).unwrap();
    let epoch = of_row(plan, "epoch");
    let count = double.seen();
    let count = spoken(&count, plan.cluster).len();
    zombie.thaw();
    wake.send(()).unwrap();
    let seen = double.wait_for(PERIOD * 3 + BUSY, |seen| of_other(seen, 3)).unwrap();
    // Each claim since is one of a period that the other spoke for.
    let claims = of_row(plan, "epoch") - epoch;
    let said = (spoken(&seen, plan.cluster).len() - count) as u64;
    assert!(claims <= said + 1, "{claims} claims, {said} summaries: {}", zombie.agent.said());
    assert!(!zombie.is_leader(), "{}", zombie.agent.said());
    assert!(zombie.agent.count_lines("doesn't lead its cluster any more") > 0);
    println!("{}: a leader that woke claimed nothing", plan.cluster);
}

/// It got the lock while its clock was right.
fn a_wrong_clock_gives_the_lock_up(plan: &Plan<'_>, double: &Double, seconds: i64) {
    let first = if seconds > 0 { 3 } else { 5 };
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let wrong = plan.host_with(first, |setup| setup.variable("CWMEM_TEST_CLOCK", path));
    wait_until("the only member to lead", FOLLOWED, || wrong.is_leader());
    let right = plan.host(first + 1);
    let both =
        |seen: &Seen| last(seen, plan.cluster, "ClusterMembers").is_some_and(|said| said == 2.0);
    double.wait_for(FOLLOWED, both).unwrap();
    std::fs::write(file.path(), seconds.to_string()).unwrap();
    followed(plan, double, &wrong, &right);
    let says = || wrong.part()["obstacle"].to_string().contains("clock");
    wait_until("the clock to be named", FOLLOWED, says);
    // It is there, but its figures are of another time.
    let seen = double.seen();
    let reported = last_count(&seen, plan.cluster, "ClusterMemoryUsedPercent");
    assert_eq!((last(&seen, plan.cluster, "ClusterMembers"), reported), (Some(2.0), Some(1.0)));
}

fn who_may_not_publish_gives_the_lock_up(plan: &Plan<'_>, double: &Double) {
    let deaf = Double::start();
    deaf.always(Fault::access_denied());
    let mute = Plan { endpoint: deaf.url(), ..plan.clone() }.host(7);
    wait_until("the only member to lead", FOLLOWED, || mute.is_leader());
    let other = plan.host(8);
    followed(plan, double, &mute, &other);
    assert!(mute.agent.count_lines("without a summary reaching the service") > 0);
    assert!(deaf.seen().accepted.is_empty());
}

/// From now on, the one leads within the bound and the other doesn't.
fn followed(plan: &Plan<'_>, double: &Double, unfit: &Host, fit: &Host) {
    let bound = PERIOD * (FRUITLESS_PERIODS + 1);
    let gave_up = wait_until("the lock to be given up", bound + BUSY, || !unfit.is_leader());
    let by_other = |seen: &Seen| {
        let said = speakers_of(seen, plan.cluster);
        said.last_key_value().is_some_and(|(_, speakers)| speakers.contains(&key(&fit.name)))
    };
    // One that lost the lock sooner, on a busy machine, may get it again and give it up once more.
    double.wait_for(timing().claim_again() + bound + BUSY, by_other).unwrap();
    println!(
        "{}: the lock was given up after {:.1} s (the bound: {:.1} s)",
        plan.cluster,
        gave_up.as_secs_f64(),
        bound.as_secs_f64()
    );
}

/// Two clusters in one schema, one name in two schemas, a member of another period; then rows that
/// no member writes; then all members of the cluster's period leave.
fn neighbours_and_bad_rows_change_nothing(plan: &Plan<'_>, double: &Double) {
    let elsewhere = Double::start();
    let jobs = Plan { cluster: "jobs", ..plan.clone() };
    let other = Plan { schema: "other", endpoint: elsewhere.url(), ..plan.clone() };
    let mut hosts = plan.hosts(9..=10);
    let neighbours = [jobs.host(11), other.host(12)];
    neighbours[1].command(&["cluster", "init"]);
    let odd = Plan { period: 4, ..plan.clone() }.host(13);
    let reported = |seen: &Seen, cluster| last_count(seen, cluster, "ClusterMemoryUsedPercent");
    let there = |seen: &Seen, cluster| last(seen, cluster, "ClusterMembers");
    let all = |seen: &Seen| {
        (there(seen, "web"), reported(seen, "web")) == (Some(3.0), Some(2.0))
            && (there(seen, "jobs"), reported(seen, "jobs")) == (Some(1.0), Some(1.0))
    };
    let seen = double.wait_for(FOLLOWED, all).unwrap();
    let [of_jobs, of_other] = neighbours.each_ref().map(|host| key(&host.name));
    for speakers in speakers_of(&seen, "jobs").values() {
        assert_eq!(*speakers, [of_jobs.clone()].into());
    }
    let alone = |seen: &Seen| there(seen, "web") == Some(1.0);
    let seen = elsewhere.wait_for(FOLLOWED, alone).unwrap();
    for speakers in speakers_of(&seen, "web").values() {
        assert_eq!(*speakers, [of_other.clone()].into());
    }
    // Between two visits it may have nothing to say.
    let says = || odd.part()["obstacle"].to_string().contains("the cluster's period is 6 s");
    wait_until("the other period to be refused", FOLLOWED, says);

    bad_rows_change_nothing(plan, double);
    let warned = |host: &Host| host.agent.count_lines("makes no sense") > 0;
    assert!(hosts.iter().any(warned), "{}", hosts[0].agent.said());
    println!("web, jobs: bad rows changed nothing");

    // Nobody claims for three of the old periods: the other length holds from then on.
    for host in &mut hosts {
        host.agent.signal("TERM");
        assert!(host.agent.wait(SECOND * 10).0.success());
    }
    // Not even where the row says that these last for centuries.
    plan.server.say(
        "UPDATE cwmem.cwmem_cluster SET period_length=4294967295, \
         claimed_at=UTC_TIMESTAMP(3) - INTERVAL 16 MINUTE WHERE cluster='web'",
    );
    let by_odd = |seen: &Seen| {
        let said = speakers_of(seen, "web");
        said.last_key_value().is_some_and(|(_, speakers)| *speakers == [key(&odd.name)].into())
    };
    double.wait_for(PERIOD * 3 + FOLLOWED, by_odd).unwrap();
    assert_eq!(of_row(plan, "period_length"), 4);
    println!("web: a member of another period led once the others were gone");
}

/// Of two members of the cluster and one of another period.
fn bad_rows_change_nothing(plan: &Plan<'_>, double: &Double) {
    let huge = u64::MAX;
    let server = plan.server;
    server.say(&format!(
        "UPDATE cwmem.cwmem_cluster SET period={huge}, claimed_at='9999-12-31' WHERE cluster='web';
         UPDATE cwmem.cwmem_cluster SET period=UNIX_TIMESTAMP()+86400 WHERE cluster='jobs';
         INSERT INTO cwmem.cwmem_member VALUES
           ('web', 'i-bad', '9999-12-31', {huge}, {huge}, {huge}, 1e308, -1e308, 255),
           ('web', 'i-ahead', UTC_TIMESTAMP(3), UNIX_TIMESTAMP()+86400, 1, 1, 0, NULL, 0)"
    ));
    let before = ["web", "jobs"].map(|cluster| newest(&double.seen(), cluster));
    let goes_on = |seen: &Seen| {
        ["web", "jobs"]
            .iter()
            .zip(before)
            .all(|(cluster, before)| newest(seen, cluster) > before + plan.period)
    };
    // The next two periods, as if nothing had been: nobody has to follow anybody.
    let seen = double.wait_for(PERIOD * 3 + BUSY, goes_on).unwrap();
    // The one that nobody can read is left out, that of the future is there and in no figure.
    let count = seen.periods(&summary_of("web", "ClusterMembers"), SECOND);
    let used = seen.periods(&summary_of("web", "ClusterMemoryUsedPercent"), SECOND);
    let as_ever = count.iter().any(|(period, count)| {
        epoch_seconds(*period) > before[0]
            && count.maximum == 4.0
            && used[period].sample_count == 2.0
    });
    assert!(as_ever, "{count:?} {used:?}");
}

/// One member's user may write all the same, as a replica's might.
#[test]
fn a_read_only_server_is_never_led_from() {
    let (server, double) = world();
    server.say(
        "CREATE USER admin@'%' IDENTIFIED BY 'secret-word'; GRANT ALL ON cwmem.* TO admin@'%';
         GRANT READ ONLY ADMIN ON *.* TO admin@'%'",
    );
    let plan = Plan::new(&server, &double);
    let members = [plan.host(1), Plan { user: "admin", ..plan.clone() }.host(2)];
    members[0].command(&["cluster", "init"]);
    let before = leader(&plan, &double, &members);
    server.say("SET GLOBAL read_only=1");
    let holder = || server.say("SELECT IS_USED_LOCK('cwmem:leader:cwmem/web')");
    let time = timing();
    // The next heartbeat, and its answer.
    let bound = time.heartbeat_every() + time.statement_deadline() + SECOND;
    let took = wait_until("the lock to be given up", bound, || holder() == "NULL");
    println!("a read-only server's lock was given up after {took:?} (the bound: {bound:?})");
    let epoch = of_row(&plan, "epoch");
    // Long enough for both to see that nobody leads, and to be tempted.
    let end = std::time::Instant::now() + time.leader_again();
    while std::time::Instant::now() < end {
        assert_eq!(holder(), "NULL");
        std::thread::sleep(SECOND / 5);
    }
    assert_eq!(of_row(&plan, "epoch"), epoch);
    let says = || members[1].part()["obstacle"].to_string().contains("read-only");
    wait_until("the read-only server to be named", FOLLOWED, says);
    for host in &members {
        assert!(host.agent.count_lines("read-only") > 0, "{}", host.agent.said());
    }
    assert!(members[before].agent.count_lines("doesn't lead its cluster any more") > 0);
    let newest_before = newest(&double.seen(), "web");
    server.say("SET GLOBAL read_only=0");
    let again = |seen: &Seen| newest(seen, "web") > newest_before;
    double.wait_for(time.claim_again() + BUSY, again).unwrap();
}

/// Whoever spoke last, once somebody has and says that it leads.
fn leader(plan: &Plan<'_>, double: &Double, hosts: &[Host]) -> usize {
    double.wait_for(FOLLOWED, |seen| newest(seen, plan.cluster) > 0).unwrap();
    let mut place = None;
    wait_until("somebody to lead", FOLLOWED, || {
        place = hosts.iter().position(Host::is_leader);
        place.is_some()
    });
    place.unwrap()
}

/// A number in the cluster's row.
fn of_row(plan: &Plan<'_>, column: &str) -> u64 {
    let Plan { schema, cluster, .. } = plan;
    let ask = format!("SELECT {column} FROM {schema}.cwmem_cluster WHERE cluster='{cluster}'");
    plan.server.say(&ask).parse().unwrap()
}

/// The starts of the periods spoken for, in Unix seconds.
fn spoken(seen: &Seen, cluster: &str) -> Vec<u64> {
    speakers_of(seen, cluster).into_keys().map(epoch_seconds).collect()
}

fn newest(seen: &Seen, cluster: &str) -> u64 {
    spoken(seen, cluster).last().copied().unwrap_or(0)
}

/// Of the last summary.
fn last(seen: &Seen, cluster: &str, name: &str) -> Option<f64> {
    Some(seen.periods(&summary_of(cluster, name), SECOND).last_key_value()?.1.maximum)
}

fn last_count(seen: &Seen, cluster: &str, name: &str) -> Option<f64> {
    Some(seen.periods(&summary_of(cluster, name), SECOND).last_key_value()?.1.sample_count)
}

fn epoch_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn timing() -> Timing {
    Timing::new(PERIOD).unwrap()
}
