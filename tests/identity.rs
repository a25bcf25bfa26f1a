//! Who the host is, asked of an instance metadata service that has its moods.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use aws_credential_types::provider::ProvideCredentials;
use cwmem::clock::{Clock, Timestamp};
use cwmem::config;
use cwmem::datum::Resolution as StorageResolution;
use cwmem::dimension::{DimensionName, DimensionSet, Member};
use cwmem::distribution::Statistics;
use cwmem::identity::discover::{Wanted, discover};
use cwmem::identity::dmi::Dmi;
use cwmem::identity::dress::{Publications, dress};
use cwmem::identity::imds::{Failure, Imds, client};
use cwmem::identity::remedy::describe;
use cwmem::identity::sets::{Resolution, resolve};
use cwmem::identity::{Identity, Local, Name};
use cwmem::units::Unit;
use cwmem::window::Figure;
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::imds::{ACCESS_KEY, ImdsDouble, Mode, Reply, Tags};
use tokio::task::{JoinHandle, LocalSet, spawn_local};

/// What a host looks like while it finds out who it is.
struct Host {
    identity: Rc<RefCell<Identity>>,
    wanted: Wanted,
    clock: Clock,
    task: JoinHandle<()>,
    log: Log,
    _subscriber: tracing::subscriber::DefaultGuard,
}

impl Host {
    fn start(identity: Identity, sets: &[&str], imds: Imds) -> Host {
        let sets = sets.iter().map(|names| set(names)).collect();
        Host::wanting(identity, Wanted { sets, names: Vec::new() }, imds)
    }

    fn wanting(identity: Identity, wanted: Wanted, imds: Imds) -> Host {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .without_time()
            .with_writer(move || writer.clone())
            .with_max_level(tracing::Level::DEBUG)
            .finish();
        let subscriber = tracing::subscriber::set_default(subscriber);
        let clock = Clock::simulated(Timestamp(1_795_443_660_000), SPEED);
        let shared = Rc::new(RefCell::new(identity.clone()));
        let target = shared.clone();
        let publish = move |identity: &Identity| target.borrow_mut().clone_from(identity);
        let random = fastrand::Rng::with_seed(7);
        let task = discover(identity, wanted.clone(), imds, clock.clone(), random, publish);
        let task = spawn_local(task);
        Host { identity: shared, wanted, clock, task, log, _subscriber: subscriber }
    }

    fn known(&self, name: &str) -> Option<String> {
        self.identity.borrow().known(&member(name).name).map(str::to_owned)
    }

    fn state(&self, name: &str) -> Name {
        self.identity.borrow().state(&member(name).name).clone()
    }

    async fn until(&self, what: &str, reached: impl Fn(&Host) -> bool) {
        for _ in 0..5_000 {
            if reached(self) {
                return;
            }
            Clock::System.sleep(Duration::from_millis(2)).await;
        }
        panic!("never {what}: {:?}\n{:?}", self.identity.borrow(), self.log.lines());
    }

    /// Waits until nothing is left to ask.
    async fn settled(&self) {
        self.until("settled", |host| host.task.is_finished()).await;
    }

    async fn warned(&self, text: &str) {
        let said = |host: &Host| host.log.warnings().iter().any(|line| line.contains(text));
        self.until(text, said).await;
    }

    fn remedies(&self) -> Vec<String> {
        let described = describe(&self.identity.borrow(), &self.wanted.sets);
        described.into_iter().flat_map(|described| described.remedies).collect()
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// What cwmem itself said.
    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap();
        let text = String::from_utf8_lossy(&bytes);
        text.lines().filter(|line| line.contains("cwmem::")).map(str::to_owned).collect()
    }

    fn warnings(&self) -> Vec<String> {
        self.lines().into_iter().filter(|line| line.trim_start().starts_with("WARN")).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn member(text: &str) -> Member {
    let name = text.trim_end_matches('?');
    let built_in = DimensionName::BUILT_IN.into_iter().find(|known| known.as_str() == name);
    let tag = || DimensionName::Tag(name.strip_prefix("tag:").unwrap().to_owned());
    Member { name: built_in.unwrap_or_else(tag), optional: text.ends_with('?') }
}

fn set(names: &str) -> DimensionSet {
    DimensionSet(names.split_whitespace().map(member).collect())
}

fn nitro() -> Identity {
    host("Amazon EC2", "i-0123456789abcdef0", None)
}

fn xen() -> Identity {
    host("Xen", "", Some("ec2e1916-9099-7caf-fd21-012345abcdef"))
}

fn laptop() -> Identity {
    host("LENOVO", "Not Specified", None)
}

fn host(vendor: &str, tag: &str, uuid: Option<&str>) -> Identity {
    let dmi = Dmi {
        sys_vendor: Some(vendor.to_owned()),
        board_asset_tag: Some(tag.to_owned()),
        hypervisor_uuid: uuid.map(str::to_owned),
    };
    let local = Local { dmi, node_name: "ip-10-0-0-10".to_owned(), region: None };
    let fixed = config::Identity { imds: true, ..config::Identity::default() };
    Identity::new(&fixed, None, &[], &local)
}

fn imds(double: &ImdsDouble) -> Imds {
    Imds::at(&[&double.url()]).unwrap()
}

fn block_on(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

const GROUP_TAG: &str = "aws:autoscaling:groupName";
/// A pause of five minutes takes half a second.
const SPEED: u32 = 600;

#[test]
fn everything_is_known_after_one_round() {
    block_on(async {
        let double = ImdsDouble::start();
        let tags = Tags::on(&[("Role", "web"), (GROUP_TAG, "web fleet"), ("Name", "web 1")]);
        double.edit(|contents| contents.tags = tags);
        let sets = [
            "InstanceId InstanceType ImageId AvailabilityZone Region",
            "tag:Role tag:No?",
            "AutoScalingGroupName",
        ];
        let host = Host::start(xen(), &sets, imds(&double));
        host.settled().await;
        let told = [
            "InstanceId",
            "InstanceType",
            "ImageId",
            "AvailabilityZone",
            "Region",
            "tag:Role",
            "AutoScalingGroupName",
        ];
        assert_eq!(
            told.map(|name| host.known(name).unwrap()),
            [
                "i-0123456789abcdef0",
                "m7i.large",
                "ami-0123456789abcdef0",
                "eu-central-1a",
                "eu-central-1",
                "web",
                "web fleet"
            ]
        );
        assert_eq!(host.state("tag:No"), Name::Absent);
        assert_eq!(
            double.paths(),
            [
                "dynamic/instance-identity/document",
                "meta-data/tags/instance",
                "meta-data/tags/instance/Role",
                "meta-data/tags/instance/aws:autoscaling:groupName",
            ]
        );
        let requests = double.requests();
        assert_eq!(requests.iter().filter(|asked| asked.method == "PUT").count(), 1);
        assert!(requests.iter().all(|asked| asked.token || asked.method == "PUT"));
        assert_eq!(host.log.warnings(), Vec::<String>::new());
    });
}

#[test]
fn only_what_is_needed_is_asked() {
    block_on(async {
        let double = ImdsDouble::start();
        Host::start(nitro(), &["InstanceId", "Host"], imds(&double)).settled().await;
        assert_eq!(double.requests(), []);
        let wanted = Wanted { sets: vec![set("InstanceId")], names: vec![DimensionName::Region] };
        let host = Host::wanting(nitro(), wanted, imds(&double));
        host.settled().await;
        assert_eq!(host.known("Region").unwrap(), "eu-central-1");
        assert_eq!(double.paths(), ["dynamic/instance-identity/document"]);
        // {Host ...} can never be: its tag isn't asked for.
        let mut alone = config::Identity { imds: true, ..config::Identity::default() };
        alone.host = Some("ä".to_owned());
        alone.instance_id = Some("i-01234567".to_owned());
        let identity = Identity::new(&alone, None, &[], &Local::default());
        Host::start(identity, &["Host tag:Role"], imds(&double)).settled().await;
        assert_eq!(double.paths().len(), 1);
    });
}

#[test]
fn off_ec2_nobody_is_asked() {
    block_on(async {
        let double = ImdsDouble::start();
        let host = Host::start(laptop(), &["Host", "InstanceId"], imds(&double));
        host.settled().await;
        assert_eq!(double.requests(), []);
        let lines = host.log.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains("isn't on EC2; metrics are published under {Host}"));
        assert!(lines[1].contains("nothing is published under {InstanceId}"), "{lines:?}");
        assert!(lines[1].contains("identity.instance_id"), "{lines:?}");
    });
}

#[test]
fn imds_that_is_late_by_a_minute_is_asked_until_it_answers() {
    block_on(async {
        let double = ImdsDouble::start_in(Mode::Absent);
        let host = Host::start(xen(), &["InstanceId", "Host"], imds(&double));
        let start = host.clock.now().boot;
        host.warned("Connection refused").await;
        host.clock.sleep(Duration::from_secs(60)).await;
        assert_eq!(host.state("InstanceId"), Name::Unknown);
        double.set(Mode::Normal);
        host.settled().await;
        assert_eq!(host.known("InstanceId").unwrap(), "i-0123456789abcdef0");
        assert!(host.clock.now().boot.since(start) < Duration::from_secs(3_600));
        let lines = host.log.lines();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(
            lines[0].contains("{InstanceId} waits; memory is sampled and the rest is published")
        );
        assert!(lines[1].contains("instance metadata answers"), "{lines:?}");
        assert!(lines[2].contains("InstanceId=i-0123456789abcdef0 Host=ip-10-0-0-10"), "{lines:?}");
    });
}

/// What helps in a bad mood. What is longer than is ever read counts as no answer.
fn remedy(mood: &Mode, told: &str) -> &'static str {
    match mood {
        Mode::BehindToken(_) if told == "length limit exceeded" => "--http-endpoint enabled",
        Mode::Absent => "--http-endpoint enabled --http-put-response-hop-limit 2",
        Mode::Mute | Mode::Slow(_) => "the hop limit is too small",
        Mode::BehindToken(_) => "something else answers in its place",
        _ => "--http-endpoint enabled",
    }
}

/// In every bad mood the name stays unknown, one line says so, and the good mood ends it.
fn check_mood(mood: Mode, told: &str) {
    block_on(async {
        let double = ImdsDouble::start_in(mood.clone());
        let host = Host::start(nitro(), &["InstanceId", "ImageId"], imds(&double));
        host.warned(told).await;
        // Rounds enough that a second line would have come.
        let rounds = || double.requests().iter().filter(|asked| asked.method == "PUT").count();
        let asked = rounds();
        if mood != Mode::Mute && mood != Mode::Absent {
            host.until("asked again", |_| rounds() >= asked + 3).await;
        }
        assert_eq!(host.state("ImageId"), Name::Unknown);
        assert_eq!(host.known("InstanceId").unwrap(), "i-0123456789abcdef0");
        let warnings = host.log.warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("{ImageId} waits"), "{warnings:?}");
        let remedies = host.remedies();
        assert!(remedies[0].contains(remedy(&mood, told)), "{remedies:?}");
        assert!(remedies[0].contains("identity.image_id"), "{remedies:?}");
        double.set(Mode::Normal);
        host.settled().await;
        assert_eq!(host.known("ImageId").unwrap(), "ami-0123456789abcdef0");
        assert_eq!(host.log.warnings().len(), 1);
    });
}

#[test]
fn mood_absent() {
    check_mood(Mode::Absent, "no answer from instance metadata: Connection refused");
}

#[test]
fn mood_mute() {
    check_mood(Mode::Mute, "no answer from instance metadata: HTTP read timeout");
}

#[test]
fn mood_403() {
    check_mood(Mode::Everything(Reply::status(403)), "gives no token: HTTP 403 (request forbidden");
    check_mood(Mode::BehindToken(Reply::status(403)), "/document with HTTP 403");
}

#[test]
fn mood_404() {
    check_mood(Mode::Everything(Reply::status(404)), "gives no token: HTTP 404");
    check_mood(Mode::BehindToken(Reply::status(404)), "/document with HTTP 404");
}

#[test]
fn mood_500() {
    check_mood(Mode::Everything(Reply::status(500)), "gives no token: HTTP 500");
    check_mood(Mode::BehindToken(Reply::status(500)), "/document with HTTP 500");
}

#[test]
fn mood_captive_portal() {
    check_mood(Mode::Everything(Reply::html()), "gives no token: HTTP 200");
    check_mood(Mode::BehindToken(Reply::html()), r#"found "<!DOCTYPE html>"#);
}

#[test]
fn mood_too_slow() {
    check_mood(Mode::Slow(Duration::from_millis(1_500)), "no answer from instance metadata");
}

#[test]
fn mood_hostile() {
    for body in [
        String::new(),
        "null".to_owned(),
        "[".repeat(10_000),
        r#"{"instanceId":"i-0123456789abcdef0","imageId":{"a":1}}"#.to_owned(),
        r#"{"instanceId":"'; DROP TABLE x","imageId":"ami-1"}"#.to_owned(),
        r#"{"instanceId":"i-0123456789abcdef0","imageId":"ami\u0000"}"#.to_owned(),
        r#"{"instanceId":"i-0123456789abcdef0"}"#.to_owned(),
    ] {
        check_mood(Mode::BehindToken(Reply::ok(body)), "document with something else");
    }
    // More than is ever read.
    let endless = Reply::ok("x".repeat(4 << 20));
    check_mood(Mode::BehindToken(endless.clone()), "length limit exceeded");
    check_mood(Mode::Everything(endless), "instance metadata");
}

#[test]
fn slow_is_still_in_time() {
    block_on(async {
        let double = ImdsDouble::start_in(Mode::Slow(Duration::from_millis(150)));
        let host = Host::start(xen(), &["InstanceId"], imds(&double));
        host.settled().await;
        assert_eq!(host.log.warnings(), Vec::<String>::new());
    });
}

#[test]
fn a_change_of_trouble_is_worth_a_line() {
    block_on(async {
        let double = ImdsDouble::start_in(Mode::Absent);
        let host = Host::start(xen(), &["InstanceId"], imds(&double));
        host.warned("Connection refused").await;
        double.set(Mode::Everything(Reply::status(403)));
        host.warned("request forbidden").await;
        assert_eq!(host.log.warnings().len(), 2);
    });
}

#[test]
fn a_token_that_has_become_invalid_is_replaced() {
    block_on(async {
        let double = ImdsDouble::start_in(Mode::BehindToken(Reply::status(500)));
        let host = Host::start(xen(), &["InstanceId"], imds(&double));
        host.warned("HTTP 500").await;
        double.forget_tokens();
        double.set(Mode::Normal);
        host.settled().await;
        assert_eq!(host.log.warnings().len(), 1);
    });
}

#[test]
fn an_ipv6_only_subnet() {
    if TcpStream::connect("[::1]:9")
        .is_err_and(|error| error.kind() != std::io::ErrorKind::ConnectionRefused)
    {
        eprintln!("skipped: this machine has no IPv6 loopback");
        return;
    }
    block_on(async {
        for mood in [Mode::Absent, Mode::Mute, Mode::Everything(Reply::status(403))] {
            let first = ImdsDouble::start_in(mood);
            let second = ImdsDouble::start_v6();
            assert!(second.url().starts_with("http://[::1]:"));
            let endpoints = Imds::at(&[&first.url(), &second.url()]).unwrap();
            let host = Host::start(xen(), &["InstanceId AvailabilityZone tag:Role?"], endpoints);
            host.settled().await;
            assert_eq!(host.known("AvailabilityZone").unwrap(), "eu-central-1a");
            assert_eq!(host.log.warnings(), Vec::<String>::new());
            // The endpoint that answered stays first for the rest of the round.
            assert!(first.requests().len() <= 1, "{:?}", first.requests());
        }
    });
}

#[test]
fn of_two_silent_endpoints_the_one_that_says_more_is_told() {
    block_on(async {
        let first = ImdsDouble::start_in(Mode::Absent);
        let second = ImdsDouble::start_in(Mode::Everything(Reply::status(403)));
        let mut endpoints = Imds::at(&[&first.url(), &second.url()]).unwrap();
        assert!(matches!(endpoints.document().await, Err(Failure::NoToken(_))));
        let mut endpoints = Imds::at(&[&second.url(), &first.url()]).unwrap();
        assert!(matches!(endpoints.document().await, Err(Failure::NoToken(_))));
    });
}

#[test]
fn tags_that_are_off_leave_names_unknown_until_they_are_turned_on() {
    for off in [Tags::Off, Tags::OffWithEmptyList] {
        block_on(async {
            let double = ImdsDouble::start();
            double.edit(|contents| contents.tags = off);
            let host = Host::start(
                nitro(),
                &["InstanceId", "tag:Role", "InstanceId tag:Tier?"],
                imds(&double),
            );
            host.warned("instance tags in metadata are off").await;
            let asked = double.requests().len();
            host.until("asked again", |_| double.requests().len() > asked + 3).await;
            assert_eq!(host.state("tag:Role"), Name::Unknown);
            assert_eq!(host.state("tag:Tier"), Name::Unknown);
            let warnings = host.log.warnings();
            assert_eq!(warnings.len(), 1, "{warnings:?}");
            let remedy = "`aws ec2 modify-instance-metadata-options --instance-id i-0123456789abcdef0 --instance-metadata-tags enabled`";
            assert!(warnings[0].contains(remedy), "{warnings:?}");
            double.edit(|contents| contents.tags = Tags::on(&[("Role", "web")]));
            host.settled().await;
            assert_eq!(host.known("tag:Role").unwrap(), "web");
            assert_eq!(host.state("tag:Tier"), Name::Absent);
        });
    }
}

#[test]
fn an_instance_without_tags_has_none() {
    block_on(async {
        let double = ImdsDouble::start();
        let host =
            Host::start(nitro(), &["InstanceId AutoScalingGroupName?", "tag:Role"], imds(&double));
        host.settled().await;
        assert_eq!(host.state("AutoScalingGroupName"), Name::Absent);
        assert_eq!(host.state("tag:Role"), Name::Absent);
        assert_eq!(
            double.paths(),
            ["meta-data/tags/instance", "meta-data/tags", "meta-data/tags/instance"]
        );
        let warnings = host.log.warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("nothing is published under {tag:Role}"), "{warnings:?}");
    });
}

#[test]
fn a_group_member_with_tags_off_waits_for_the_groups_name() {
    block_on(async {
        let double = ImdsDouble::start();
        double.edit(|contents| {
            contents.tags = Tags::Off;
            contents.life_cycle = Some("InService".to_owned());
        });
        let sets = ["InstanceId", "InstanceId AutoScalingGroupName?"];
        let host = Host::start(nitro(), &sets, imds(&double));
        host.warned("the instance is in an Auto Scaling group").await;
        let warnings = host.log.warnings();
        assert!(warnings[0].contains("or set identity.auto_scaling_group"), "{warnings:?}");
        assert_eq!(host.state("AutoScalingGroupName"), Name::Unknown);
        let resolutions = resolve(&host.identity.borrow(), &host.wanted.sets);
        assert!(matches!(resolutions[0], Resolution::Complete(_)));
        assert_eq!(resolutions[1], Resolution::Waiting(vec![DimensionName::AutoScalingGroupName]));
        double.edit(|contents| contents.tags = Tags::on(&[(GROUP_TAG, "web")]));
        host.settled().await;
        assert_eq!(host.known("AutoScalingGroupName").unwrap(), "web");
    });
}

#[test]
fn outside_every_group_the_name_falls_away_although_tags_are_off() {
    block_on(async {
        for life_cycle in [None, Some("Detached".to_owned())] {
            let double = ImdsDouble::start();
            double.edit(|contents| {
                contents.tags = Tags::OffWithEmptyList;
                contents.life_cycle = life_cycle;
            });
            let host = Host::start(nitro(), &["InstanceId AutoScalingGroupName?"], imds(&double));
            host.settled().await;
            assert_eq!(host.state("AutoScalingGroupName"), Name::Absent);
            assert_eq!(host.log.warnings(), Vec::<String>::new());
        }
    });
}

#[test]
fn a_foreign_life_cycle_settles_nothing() {
    block_on(async {
        let double = ImdsDouble::start();
        double.edit(|contents| {
            contents.tags = Tags::Off;
            contents.life_cycle = Some("<html>".to_owned());
        });
        let host = Host::start(nitro(), &["InstanceId AutoScalingGroupName?"], imds(&double));
        host.warned("expected a life cycle's state").await;
        assert_eq!(host.state("AutoScalingGroupName"), Name::Unknown);
    });
}

#[test]
fn a_tag_that_cannot_be_a_dimension_is_absent_and_reported() {
    block_on(async {
        let double = ImdsDouble::start();
        double.edit(|contents| contents.tags = Tags::on(&[("Role", "grün"), ("Tier", "")]));
        let sets = ["InstanceId tag:Role?", "tag:Tier"];
        let host = Host::start(nitro(), &sets, imds(&double));
        host.settled().await;
        assert_eq!(host.state("tag:Role"), Name::Absent);
        let warnings = host.log.warnings();
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(
            warnings[0].contains(r#"tag:Role is left out: its value "grün" cannot be"#),
            "{warnings:?}"
        );
        assert!(warnings[2].contains("nothing is published under {tag:Tier}"), "{warnings:?}");
    });
}

#[test]
fn periods_without_an_instance_id_are_completed_once_it_is_known() {
    block_on(async {
        let double = ImdsDouble::start_in(Mode::Absent);
        let host = Host::start(xen(), &["InstanceId", "Host"], imds(&double));
        host.warned("Connection refused").await;
        let figure = Figure {
            name: "MemoryUsedPercent".into(),
            publication: 0,
            unit: Unit::Percent,
            timestamp: Timestamp(60_000),
            statistics: Statistics::Values { values: [40.0].into(), counts: [600].into() },
            beside: None,
        };
        let dressed = dress(
            &[figure],
            &host.identity.borrow(),
            &Publications::native("EC2/Memory".into(), host.wanted.sets.clone()),
            StorageResolution::Standard,
        );
        assert_eq!(dressed.datums.len(), 1);
        assert_eq!(dressed.datums[0].dimensions[0].name, "Host");
        let pending = dressed.pending.unwrap();
        assert_eq!(pending.complete(&host.identity.borrow()), None);
        double.set(Mode::Normal);
        host.settled().await;
        let datums = pending.complete(&host.identity.borrow()).unwrap();
        assert_eq!(datums.len(), 1);
        assert_eq!(datums[0].dimensions[0].value, "i-0123456789abcdef0");
        assert_eq!(datums[0].timestamp, Timestamp(60_000));
    });
}

/// Runs another test of this file with a proxy in the environment that nobody answers at.
#[test]
fn a_proxy_is_never_asked() {
    let proxy = ImdsDouble::start_in(Mode::Everything(Reply::html()));
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "everything_is_known_after_one_round"]);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"] {
        command.env(name, proxy.url());
    }
    let output = command.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(proxy.requests(), []);
}

/// A token that begins and never ends.
#[test]
fn an_answer_that_stalls_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4_096]).unwrap();
        let ttl = "x-aws-ec2-metadata-token-ttl-seconds: 300";
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: 56\r\n{ttl}\r\n\r\nAQAA");
        stream.write_all(head.as_bytes()).unwrap();
        // Until the other side gives up.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    block_on(async {
        let before = Clock::System.now().boot;
        let failure = Imds::at(&[&url]).unwrap().document().await.unwrap_err();
        assert!(failure.is_silence(), "{failure}");
        assert!(failure.to_string().contains("timeout"), "{failure}");
        assert!(Clock::System.now().boot.since(before) < Duration::from_secs(5));
    });
    thread.join().unwrap();
}

#[test]
fn endpoints_are_checked() {
    for url in ["", "localhost:1338", "https://127.0.0.1", "http://", "http://a b", "ftp://x"] {
        let error = Imds::new(Some(url)).err().unwrap_or_else(|| panic!("{url:?} was taken"));
        assert!(error.to_string().contains("http://HOST[:PORT]"), "{error}");
    }
    assert!(Imds::new(Some("http://[::1]:1338/")).is_ok());
    assert!(Imds::new(None).is_ok());
}

/// The double serves what the SDK's own chain asks for.
#[test]
fn credentials_come_from_the_double() {
    block_on(async {
        let double = ImdsDouble::start();
        let provider = aws_config::imds::credentials::ImdsCredentialsProvider::builder()
            .imds_client(client(&double.url()).unwrap())
            .build();
        let credentials = provider.provide_credentials().await.unwrap();
        assert_eq!(credentials.access_key_id(), ACCESS_KEY);
        double.edit(|contents| contents.role = None);
        let provider = aws_config::imds::credentials::ImdsCredentialsProvider::builder()
            .imds_client(client(&double.url()).unwrap())
            .build();
        assert!(provider.provide_credentials().await.is_err());
    });
}

/// Version 2 to the letter, by hand.
#[test]
fn the_double_is_strict() {
    let double = ImdsDouble::start();
    let ask = |head: &str| {
        let mut stream = TcpStream::connect(double.url().trim_start_matches("http://")).unwrap();
        write!(stream, "{head}\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    let ttl = "x-aws-ec2-metadata-token-ttl-seconds";
    let status = |head: &str| ask(head)[9..12].to_owned();
    let document = "GET /latest/dynamic/instance-identity/document HTTP/1.1";
    let put = "PUT /latest/api/token HTTP/1.1";
    assert_eq!(status(document), "401");
    assert_eq!(status(put), "400");
    assert_eq!(status(&format!("{put}\r\n{ttl}: 21601")), "400");
    assert_eq!(status(&format!("{put}\r\n{ttl}: 60\r\nX-Forwarded-For: 10.0.0.1")), "403");
    let granted = ask(&format!("{put}\r\n{ttl}: 60"));
    assert!(granted.contains(&format!("{ttl}: 60")), "{granted}");
    let token = granted.rsplit("\r\n").next().unwrap();
    let header = format!("x-aws-ec2-metadata-token: {token}");
    assert_eq!(status(&format!("{document}\r\n{header}")), "200");
    assert_eq!(status(&format!("{document}\r\n{header}x")), "401");
    assert_eq!(status(&format!("GET /latest/nothing HTTP/1.1\r\n{header}")), "404");
    double.set(Mode::Absent);
    assert!(TcpStream::connect(double.url().trim_start_matches("http://")).is_err());
    double.set(Mode::Normal);
    assert_eq!(status(document), "401");
}
