//! A password that comes late and is changed: found out at the next connection, without a restart.

use super::{Lonely, PERIOD, own, wait_for};
use crate::support::cloudwatch::Seen;
use crate::support::mariadb::PASSWORD;

#[test]
fn a_password_that_comes_late_and_is_changed_needs_no_restart() {
    let lonely = Lonely::new();
    let path = lonely.password();
    let agent = lonely.start();
    let published = |count| move |seen: &Seen| seen.periods(&own(), PERIOD).len() >= count;
    // Without the file the host's own data leaves, and the finding is told once in several visits.
    lonely.double.wait_for(PERIOD * 8, published(4)).unwrap();
    let said = agent.said();
    assert!(said.contains(path.to_str().unwrap()) && said.contains("No such file"), "{said}");
    assert_eq!(agent.count_lines("cannot read the database's password"), 1, "{said}");
    assert_eq!(lonely.reported(), None);

    lonely.set_password(&format!("{PASSWORD}\n"));
    wait_for("row", PERIOD * 3, || lonely.reported().is_some());
    agent.wait_for_line("the cluster's database answers again", PERIOD);

    // What is connected stays so: its connection goes too.
    lonely.set_password("second-word\n");
    lonely.server.say("ALTER USER cwmem@'%' IDENTIFIED BY 'second-word'; KILL USER cwmem");
    let before = lonely.reported().unwrap();
    let later = before + 2 * PERIOD.as_secs() as i64;
    wait_for("row with the new password", PERIOD * 5, || lonely.reported() >= Some(later));

    let seen = lonely.double.seen();
    let periods: Vec<_> = seen.periods(&own(), PERIOD).into_keys().collect();
    for pair in periods.windows(2) {
        assert_eq!(pair[1].duration_since(pair[0]).unwrap(), PERIOD, "{periods:?}");
    }
    let said = agent.said();
    assert!(!said.contains(PASSWORD) && !said.contains("second-word"), "{said}");
}
