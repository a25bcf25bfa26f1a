//! A leader that is killed while it sends: what may have arrived isn't said again, what certainly
//! hasn't is.

use super::{Lonely, PERIOD, own, said, wait_for};
use crate::support::agent::Agent;
use crate::support::cloudwatch::{Behaviour, Fault, Seen, Series};
use crate::support::mariadb::PASSWORD;
use std::path::Path;
use std::time::{Duration, SystemTime};

#[test]
fn a_summary_whose_sender_is_killed_before_the_answer_is_not_said_again() {
    let lonely = Lonely::new();
    lonely.set_password(PASSWORD);
    let mut agent = lonely.start();
    // The request after the host's own data is the summary's. It arrives, and nobody says so.
    let before = own_data_of_a_leader(&lonely, &agent);
    lonely.double.next(Behaviour::HangAfterStoring);
    let arrived = |seen: &Seen| said(seen).keys().any(|period| !before.contains(period));
    let seen = lonely.double.wait_for(PERIOD * 2, arrived).unwrap();
    let period = *said(&seen).last_key_value().unwrap().0;
    agent.kill();

    let agent = lonely.start();
    let dropped = Series::new("EC2/Memory", "AgentDropped")
        .dimension("InstanceId", "i-1")
        .dimension("Cause", "summary");
    let counted = |seen: &Seen| !seen.periods(&dropped, PERIOD).is_empty();
    lonely.double.wait_for(PERIOD * 4, counted).unwrap();
    agent.wait_for_line("aren't sent again", PERIOD);
    // Whatever an outage left behind was sent by then.
    let seen = lonely.double.wait_for(PERIOD * 12, |seen| {
        said(seen).last_key_value().is_some_and(|(last, _)| *last > period)
    });
    let said = said(&seen.unwrap());
    assert_eq!(said[&period], 1, "{said:?}");
    assert!(said.values().all(|times| *times == 1), "{said:?}");
}

#[test]
fn a_summary_that_the_service_refused_for_now_outlives_its_sender() {
    let lonely = Lonely::new();
    lonely.set_password(PASSWORD);
    let mut agent = lonely.start();
    own_data_of_a_leader(&lonely, &agent);
    lonely.double.always(Fault::throttled("Throttling"));
    // The next period is claimed, kept, and offered in vain.
    let spool = lonely.setup.state().join("spool");
    let waiting = || {
        let mut files = files(&spool).into_iter();
        files.find(|(name, text)| !name.starts_with("taken") && text.contains("ClusterMembers"))
    };
    wait_for("waiting summary", PERIOD * 3, || waiting().is_some());
    let refused = lonely.double.seen().refused.len();
    lonely.double.wait_for(PERIOD * 4, |seen| seen.refused.len() > refused + 1).unwrap();
    let unmarked = || waiting().is_some_and(|(name, _)| !name.contains("offered"));
    wait_for("mark that is taken back", PERIOD, unmarked);
    agent.kill();
    let (name, _) = waiting().unwrap();
    let start: u64 = name.split('-').next().unwrap().parse().unwrap();
    let period = SystemTime::UNIX_EPOCH + Duration::from_secs(start);
    assert!(!said(&lonely.double.seen()).contains_key(&period));

    lonely.double.heal();
    let _agent = lonely.start();
    let late = |seen: &Seen| said(seen).contains_key(&period);
    let seen = lonely.double.wait_for(PERIOD * 4, late).unwrap();
    assert!(said(&seen).values().all(|times| *times == 1), "{:?}", said(&seen));
    wait_for("end of the file", PERIOD, || files(&spool).iter().all(|(file, _)| *file != name));
}

/// When this host leads, has spoken before, and its own data of a period has just left: what was
/// said of the cluster by then.
fn own_data_of_a_leader(lonely: &Lonely, agent: &Agent) -> Vec<SystemTime> {
    agent.wait_for_line("this host leads its cluster", PERIOD * 6);
    let spoken = |seen: &Seen| !said(seen).is_empty();
    let seen = lonely.double.wait_for(PERIOD * 6, spoken).unwrap();
    let newest = |seen: &Seen| seen.periods(&own(), PERIOD).into_keys().next_back();
    let last = newest(&seen);
    let another = |seen: &Seen| newest(seen) > last;
    let seen = lonely.double.wait_for(PERIOD * 2 + Duration::from_secs(1), another).unwrap();
    said(&seen).into_keys().collect()
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let read = |entry: std::fs::DirEntry| {
        let text = std::fs::read_to_string(entry.path()).ok()?;
        Some((entry.file_name().into_string().unwrap(), text))
    };
    entries.filter_map(read).collect()
}
