//! `--apply` and `--verify` against moto.

use crate::support::agent::Setup;
use crate::support::moto::Moto;
use crate::{alarms, host, inputs, run};

fn at(moto: &Moto, more: &str) -> String {
    host(&format!("cloudwatch.endpoint_url = {:?}\n{more}", moto.bridge))
}

fn count(said: &str) -> &str {
    said.lines().find(|line| line.contains(" to create, ")).unwrap()
}

#[test]
fn created_changed_unchanged_and_orphaned() {
    let moto = Moto::start();
    let setup = Setup::new(&at(&moto, ""));
    let many = inputs(&setup).len();
    assert_eq!(many, 6);

    // Shown first, and nothing more.
    for _ in 0..2 {
        let shown = run(&setup, "alarms --apply");
        assert_eq!(shown.code, Some(1), "{shown:?}");
        assert!(shown.stdout.contains("Nothing was put: add --yes."), "{shown:?}");
        assert_eq!(
            count(&shown.stdout),
            "6 to create, 0 to change, 0 unchanged, 0 that no longer belong"
        );
    }
    assert_eq!(run(&setup, "alarms --verify").code, Some(1));
    let said = alarms(&setup, "alarms --apply --yes");
    assert!(said.ends_with("6 put.\n"), "{said}");
    let unchanged = "0 to create, 0 to change, 6 unchanged, 0 that no longer belong";
    assert_eq!(count(&alarms(&setup, "alarms --verify")), unchanged);
    let again = alarms(&setup, "alarms --apply --yes");
    assert_eq!(count(&again), unchanged);
    assert!(!again.contains(" put."), "{again}");

    // Thresholds, whom to tell, and the patience of another rhythm.
    let topic = "arn:aws:sns:eu-central-1:123456789012:memory";
    setup.configure(&at(
        &moto,
        &format!("publish.every = \"5m\"\n[alarms]\npage_from = \"97%\"\nactions = [{topic:?}]\n"),
    ));
    let shown = run(&setup, "alarms --verify");
    assert_eq!(shown.code, Some(1));
    for line in [
        "Threshold: 95 → 97",
        "EvaluationPeriods: 15 → 20",
        &format!("AlarmActions: [] → [{topic:?}]"),
    ] {
        assert!(shown.stdout.contains(line), "{line}: {}", shown.stdout);
    }
    assert!(alarms(&setup, "alarms --apply --yes").ends_with("6 put.\n"));
    assert_eq!(count(&alarms(&setup, "alarms --verify")), unchanged);

    // What is no longer wanted is named, never deleted.
    setup.configure(&at(&moto, "publish.every = \"5m\"\n[alarms]\nenabled = [\"oom-kill\"]\nactions = [\"arn:aws:sns:eu-central-1:123456789012:memory\"]\n"));
    let shown = run(&setup, "alarms --verify");
    assert_eq!(shown.code, Some(1), "{shown:?}");
    assert_eq!(
        count(&shown.stdout),
        "0 to create, 0 to change, 1 unchanged, 5 that no longer belong"
    );
    assert!(
        shown.stdout.contains("aws cloudwatch delete-alarms --alarm-names 'cwmem-"),
        "{shown:?}"
    );
    assert_eq!(run(&setup, "alarms --apply").code, Some(0), "orphans are nothing to put");
}

/// Alarms of other hosts with the same prefix are none of this host's business.
#[test]
fn of_other_hosts_nothing_is_said() {
    let moto = Moto::start();
    let other = format!(
        "identity.instance_id = \"i-00000000000000001\"\nidentity.imds = false\ncloudwatch.endpoint_url = {:?}\n",
        moto.bridge
    );
    alarms(&Setup::new(&other), "alarms --apply --yes");
    let said = run(&Setup::new(&at(&moto, "")), "alarms --verify").stdout;
    assert_eq!(count(&said), "6 to create, 0 to change, 0 unchanged, 0 that no longer belong");
    // But what both publish into is.
    let shared = "metrics.dimensions = [[\"InstanceId\"], [\"Region\"]]\ncloudwatch.region = \"eu-central-1\"\n";
    alarms(&Setup::new(&at(&moto, shared)), "alarms --apply --yes");
    let said = run(&Setup::new(&at(&moto, "")), "alarms --verify").stdout;
    assert_eq!(count(&said), "0 to create, 0 to change, 6 unchanged, 5 that no longer belong");
}

#[test]
fn without_the_service_it_ends_with_69() {
    let setup = Setup::new(&host("cloudwatch.endpoint_url = \"http://127.0.0.1:9\"\n"));
    for words in ["alarms --verify", "alarms --apply"] {
        let output = run(&setup, words);
        assert_eq!(output.code, Some(69), "{output:?}");
        assert!(output.stderr.contains("DescribeAlarms"), "{output:?}");
    }
}
