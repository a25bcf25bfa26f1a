//! The metadata service is late by a minute on a host whose hardware doesn't say who it is.

use crate::support::cloudwatch::{Seen, Series};
use crate::support::imds::{ImdsDouble, Mode, Tags};
use crate::world::{HOST, Simulation, aligned, assert_complete, counts, parts};

const CONFIG: &str = r#"
publish.period = "10s"
sample.interval = "2s"
identity.ec2 = true
metrics.dimensions = [
    ["Host"], ["InstanceId"], ["InstanceId", "tag:Team"], ["ImageId", "AutoScalingGroupName?"],
]
"#;

/// Runs past the minute in which the service is absent, and two periods more.
fn late(tags: Tags, life_cycle: Option<&str>) -> Seen {
    let imds = ImdsDouble::start_in(Mode::Absent);
    imds.edit(|contents| {
        contents.tags = tags;
        contents.life_cycle = life_cycle.map(str::to_owned);
    });
    let world = Simulation::new(0.11, 30).imds(&imds);
    let agent = world.start(CONFIG);
    world.at(60.0);
    let before = world.double.seen();
    let hosts = before.datums().all(|datum| datum.dimension("Host").is_some());
    assert!(hosts, "a datum went out under another name than was known");
    assert!(before.datums().count() > 4, "what is known is published meanwhile");
    imds.set(Mode::Normal);
    world.until(|seen| counts(seen, &instance()).len() >= 8);
    assert_eq!(agent.stop().dropped, 0);
    let seen = world.double.seen();
    assert!(aligned(&seen));
    // Every period, from before it was known who this is too, and each only once.
    assert_complete(&seen, &host());
    assert!(counts(&seen, &instance()).len() >= 8);
    assert_eq!(parts(&seen, &host()), parts(&seen, &instance()));
    assert_eq!(counts(&seen, &host()), counts(&seen, &instance()));
    seen
}

#[test]
fn without_tags_outside_of_any_group() {
    let seen = late(Tags::Off, None);
    assert_eq!(shapes(&seen), ["Host", "ImageId", "InstanceId"]);
}

/// The optional name is there, only not known: without it the set isn't what was asked for.
#[test]
fn without_tags_in_a_group() {
    let seen = late(Tags::Off, Some("InService"));
    assert_eq!(shapes(&seen), ["Host", "InstanceId"]);
}

#[test]
fn with_tags() {
    let seen = late(Tags::on(&[("Team", "db"), ("aws:autoscaling:groupName", "web")]), None);
    let expected = ["AutoScalingGroupName ImageId", "Host", "InstanceId", "InstanceId Team"];
    assert_eq!(shapes(&seen), expected);
}

fn host() -> Series {
    crate::world::on_host("MemoryUsedPercent")
}

fn instance() -> Series {
    Series::new("EC2/Memory", "MemoryUsedPercent").dimension("InstanceId", "i-0123456789abcdef0")
}

/// The names of each dimension set that arrived.
fn shapes(seen: &Seen) -> Vec<String> {
    let names = |series: &Series| {
        assert!(series.dimensions.iter().all(|(name, value)| name != "Host" || value == HOST));
        series.dimensions.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ")
    };
    let mut shapes: Vec<_> = seen.series().iter().map(names).collect();
    shapes.sort();
    shapes.dedup();
    shapes
}
