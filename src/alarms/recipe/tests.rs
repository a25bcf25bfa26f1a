//! Which alarms a configuration gets, in lines of text.

use super::*;
use crate::config::parse_str;
use crate::identity::fixture::{Given, laptop, nitro};
use expect_test::{Expect, expect};

fn config(text: &str) -> Config {
    parse_str("test", text).unwrap()
}

fn lines(plan: &Plan) -> String {
    let line = |Planned { alarm, .. }: &Planned| {
        let pairs = alarm.dimensions.iter().map(|pair| format!("{}={}", pair.name, pair.value));
        format!(
            "{}: {} {}{{{}}} {} {} {} {}, {} of {} of {} s, {}\n",
            alarm.name,
            alarm.namespace,
            alarm.metric,
            pairs.collect::<Vec<_>>().join(","),
            alarm.unit,
            alarm.statistic.words(),
            alarm.comparison.sign(),
            alarm.threshold,
            alarm.datapoints_to_alarm,
            alarm.evaluation_periods,
            alarm.period.as_secs(),
            alarm.missing_data.as_str(),
        )
    };
    let alarms: String = plan.alarms.iter().map(line).collect();
    alarms + &plan.notes.iter().map(|note| format!("! {note}\n")).collect::<String>()
}

/// On an instance whose configuration tells all of it.
fn check(text: &str, expected: Expect) {
    let config = config(text);
    let given = Given {
        identity: crate::config::Identity {
            imds: false,
            image_id: Some("ami-1".to_owned()),
            instance_type: Some("m7g.large".to_owned()),
            ..config.identity.clone()
        },
        region: None,
        pairs: config.dimensions.clone(),
    };
    let identity = given.on(&nitro());
    expected.assert_eq(&lines(&plan(&config, Place::Here(&identity))));
}

#[test]
fn of_the_defaults() {
    check(
        "",
        expect![[r#"
        cwmem-ticket-i-0123456789abcdef0: EC2/Memory MemoryUsedPercent{InstanceId=i-0123456789abcdef0} Percent Average > 90, 10 of 15 of 60 s, missing
        cwmem-page-i-0123456789abcdef0: EC2/Memory MemoryUsedPercent{InstanceId=i-0123456789abcdef0} Percent Maximum ≥ 95, 3 of 5 of 60 s, missing
        cwmem-silent-i-0123456789abcdef0: EC2/Memory MemoryUsedPercent{InstanceId=i-0123456789abcdef0} Percent SampleCount < 1, 5 of 5 of 60 s, breaching
        cwmem-stall-warning-i-0123456789abcdef0: EC2/Memory MemoryStallPercent{InstanceId=i-0123456789abcdef0} Percent Average ≥ 10, 3 of 5 of 60 s, notBreaching
        cwmem-stall-critical-i-0123456789abcdef0: EC2/Memory MemoryStallPercent{InstanceId=i-0123456789abcdef0} Percent Average ≥ 40, 2 of 3 of 60 s, notBreaching
        cwmem-oom-kill-i-0123456789abcdef0: EC2/Memory OomKills{InstanceId=i-0123456789abcdef0} Count Sum ≥ 1, 1 of 1 of 60 s, notBreaching
    "#]],
    );
}

#[test]
fn of_a_group() {
    check(
        "metrics.dimensions = [[\"InstanceId\"], [\"AutoScalingGroupName\"]]\nidentity.auto_scaling_group = \"web\"\n[alarms]\nenabled = [\"page\", \"silent\"]\n",
        expect![[r#"
            cwmem-page-i-0123456789abcdef0: EC2/Memory MemoryUsedPercent{InstanceId=i-0123456789abcdef0} Percent Maximum ≥ 95, 3 of 5 of 60 s, missing
            cwmem-page-web: EC2/Memory MemoryUsedPercent{AutoScalingGroupName=web} Percent Maximum ≥ 95, 3 of 5 of 60 s, missing
            ! no alarm on silence: instances of an Auto Scaling group come and go; a [cluster] counts its missing members
        "#]],
    );
}

#[test]
fn of_presets() {
    check(
        "metrics.enabled = []\nmetrics.presets = [\"cwagent\", \"mon-scripts\", \"mon-scripts-incl-cache\", \"vector\", \"collectd\"]\nmetrics.mon-scripts-incl-cache = { namespace = \"Cached\" }\n[alarms]\nenabled = [\"ticket\", \"silent\"]\nticket_above = \"85%\"\n",
        expect![[r#"
            cwmem-ticket-mem_used_percent-ami-1-i-0123456789abcdef0-m7g.large: CWAgent mem_used_percent{ImageId=ami-1,InstanceId=i-0123456789abcdef0,InstanceType=m7g.large} Percent Average > 85, 10 of 15 of 60 s, missing
            cwmem-silent-mem_used_percent-ami-1-i-0123456789abcdef0-m7g.large: CWAgent mem_used_percent{ImageId=ami-1,InstanceId=i-0123456789abcdef0,InstanceType=m7g.large} Percent SampleCount < 1, 5 of 5 of 60 s, breaching
            cwmem-ticket-MemoryUtilization-i-0123456789abcdef0: System/Linux MemoryUtilization{InstanceId=i-0123456789abcdef0} Percent Average > 85, 10 of 15 of 60 s, missing
            cwmem-ticket-memory.percent.used-ip-10-0-0-10-NONE: collectd memory.percent.used{Host=ip-10-0-0-10,PluginInstance=NONE} None Average > 85, 10 of 15 of 60 s, missing
            ! no alarm on Cached MemoryUtilization: it counts the page cache as used, so that it is near 100 % on a healthy host
        "#]],
    );
}

#[test]
fn of_a_cluster() {
    check(
        "metrics.enabled = [\"OomKills\"]\n[alarms]\nactions = [\"arn:aws-cn:sns:cn-north-1:123456789012:memory\"]\n[cluster]\nname = \"web\"\ndatabase = \"mysql://cwmem@db/cwmem\"\n",
        expect![[r#"
            cwmem-oom-kill-i-0123456789abcdef0: EC2/Memory OomKills{InstanceId=i-0123456789abcdef0} Count Sum ≥ 1, 1 of 1 of 60 s, notBreaching
            cwmem-members-missing-web: EC2/Memory ClusterMembersMissing{Cluster=web} Count Maximum ≥ 1, 3 of 5 of 60 s, breaching
            cwmem-headroom-web: EC2/Memory ClusterHeadroomAfterLossPercent{Cluster=web} Percent Average < 0, 10 of 15 of 60 s, ignore
            ! no alarm on silence: it looks at MemoryUsedPercent, or at a preset's share of used memory, of a single host
        "#]],
    );
}

#[test]
fn of_other_periods() {
    check(
        "publish.period = \"12s\"\n[alarms]\nenabled = [\"ticket\", \"oom-kill\"]\n",
        expect![[r#"
            cwmem-ticket-i-0123456789abcdef0: EC2/Memory MemoryUsedPercent{InstanceId=i-0123456789abcdef0} Percent Average > 90, 10 of 15 of 60 s, missing
            cwmem-oom-kill-i-0123456789abcdef0: EC2/Memory OomKills{InstanceId=i-0123456789abcdef0} Count Sum ≥ 1, 1 of 1 of 60 s, notBreaching
            ! alarms have periods of 10, 20 or 30 seconds or whole minutes: with publish.period = "12s" they look at 1m
        "#]],
    );
    check(
        "publish.period = \"10s\"\npublish.every = \"60s\"\n[alarms]\nenabled = [\"page\", \"silent\"]\n",
        expect![[r#"
            cwmem-page-i-0123456789abcdef0: EC2/Memory MemoryUsedPercent{InstanceId=i-0123456789abcdef0} Percent Maximum ≥ 95, 18 of 36 of 10 s, missing
            cwmem-silent-i-0123456789abcdef0: EC2/Memory MemoryUsedPercent{InstanceId=i-0123456789abcdef0} Percent SampleCount < 1, 36 of 36 of 10 s, breaching
            ! with publish.every = "1m" data come in bursts: each alarm looks at so many more periods, and may speak by so much later
            ! alarms on periods under a minute are billed as high-resolution ones, three times as much
        "#]],
    );
}

#[test]
fn what_is_not_known_is_said() {
    let config = config(
        "metrics.dimensions = [[\"InstanceId\"], [\"tag:Role\"]]\n[alarms]\nenabled = [\"page\"]\n",
    );
    let identity = Given::default().on(&nitro());
    let expected = expect![[r#"
        cwmem-page-i-0123456789abcdef0: EC2/Memory MemoryUsedPercent{InstanceId=i-0123456789abcdef0} Percent Maximum ≥ 95, 3 of 5 of 60 s, missing
        ! no alarm on {tag:Role}: tag:Role isn't known here; `cwmem check` says how to make it known, --format a template where it is a parameter
    "#]];
    expected.assert_eq(&lines(&plan(&config, Place::Here(&identity))));
}

#[test]
fn templates_leave_open_what_differs() {
    let config = config("metrics.presets = [\"cwagent\"]\n[alarms]\nenabled = [\"page\"]\n");
    let identity = Given::default().on(&nitro());
    let plan = plan(&config, Place::Template(&identity));
    let expected = expect![[r#"
        cwmem-page-<0>: EC2/Memory MemoryUsedPercent{InstanceId=<0>} Percent Maximum ≥ 95, 3 of 5 of 60 s, missing
        cwmem-page-mem_used_percent-<1>-<0>-<2>: CWAgent mem_used_percent{ImageId=<1>,InstanceId=<0>,InstanceType=<2>} Percent Maximum ≥ 95, 3 of 5 of 60 s, missing
        ! {ImageId, InstanceId, InstanceType, AutoScalingGroupName?} is taken without AutoScalingGroupName: of hosts that have it the alarms find nothing; give it a fixed value in [identity], or name it without its "?"
    "#]];
    expected.assert_eq(&lines(&plan).replace('\u{2}', "<").replace('\u{3}', ">"));
}

#[test]
fn urgent_alarms_tell_others() {
    let config = config(
        "[alarms]\nactions = [\"arn:aws:sns:eu-central-1:1:a\"]\nurgent_actions = [\"arn:aws:sns:eu-central-1:1:b\"]\n",
    );
    let identity = Given::default().on(&laptop());
    let plan = plan(&config, Place::Here(&identity));
    for Planned { recipe, alarm, actions, .. } in &plan.alarms {
        let end = if recipe.is_urgent() { ":b" } else { ":a" };
        assert!(actions.len() == 1 && actions[0].ends_with(end), "{}", alarm.name);
        assert_eq!(alarm.dimensions[0].name, "Host");
    }
}

#[test]
fn names_are_as_long_as_they_may_be_and_differ() {
    let long = "x".repeat(400);
    let [one, other] = ["a", "b"].map(|end| shortened(format!("{long}{end}")));
    assert_eq!((one.len(), other.len()), (255, 255));
    assert_ne!(one, other);
    // Two sets whose values are the same.
    let text = "metrics.dimensions = [[\"One\"], [\"Other\"]]\n[dimensions]\nOne = \"x\"\nOther = \"x\"\n[alarms]\nenabled = [\"page\"]\n";
    let config = config(text);
    let given = Given { pairs: config.dimensions.clone(), ..Given::default() };
    let identity = given.on(&nitro());
    let plan = plan(&config, Place::Here(&identity));
    let names: BTreeSet<&str> = plan.alarms.iter().map(|one| one.alarm.name.as_str()).collect();
    assert_eq!((names.len(), plan.alarms.len()), (2, 2));
}
