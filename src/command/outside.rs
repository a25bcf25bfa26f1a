//! The world outside as the commands of a real process see it: this host's names, its metadata
//! service, its environment.

use crate::batch::Batch;
use crate::clock::Clock;
use crate::cloudwatch;
use crate::cloudwatch::{CloudWatch, Environment, Metadata, Options, SeenAlarm, Used};
use crate::command::output::complain;
use crate::config::Config;
use crate::console::Console;
use crate::dimension::DimensionName;
use crate::environment::variable;
use crate::identity::discover::discover;
use crate::identity::imds::{Imds, InvalidEndpoint};
use crate::identity::offset::{offset_fraction, stable_key};
use crate::identity::{Identity, Local};
use crate::pipeline::{identity_of, wanted};
use crate::sink::{Answer, Outcome, Sink};
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;

pub fn local(config: &Config) -> Local {
    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    Local::read(&config.sample.sys_root, region)
}

/// Who the host is, as far as it is known without asking.
pub fn identity(config: &Config) -> Identity {
    identity_of(config, &local(config))
}

/// This host's place in the publishing interval, 0..1.
pub fn place(config: &Config, local: &Local) -> f64 {
    let identity = identity_of(config, local);
    offset_fraction(&stable_key(&identity, Path::new(MACHINE_ID)))
}

/// The metadata service, where the environment or EC2 has it.
pub fn imds() -> Result<Imds, InvalidEndpoint> {
    Imds::new(variable("AWS_EC2_METADATA_SERVICE_ENDPOINT").as_deref())
}

/// What IMDS can tell within a few seconds, where a person waits for it.
pub async fn learn(identity: Identity, config: &Config, clock: &Clock) -> Identity {
    let wanted = wanted(&identity, config);
    let imds = match imds() {
        Ok(imds) => imds,
        Err(error) => {
            complain(format_args!("AWS_EC2_METADATA_SERVICE_ENDPOINT makes no sense: {error}"));
            return identity;
        }
    };
    let (sender, learned) = watch::channel(identity.clone());
    let publish = |identity: &Identity| {
        sender.send_replace(identity.clone());
    };
    tokio::select! {
        () = discover(identity, wanted, imds, clock.clone(), fastrand::Rng::new(), publish) => {}
        () = clock.sleep(PATIENCE) => {}
    }
    learned.borrow().clone()
}

/// CloudWatch in the region that the host is in, where neither the configuration nor the
/// environment names one.
pub struct CloudWatchHere {
    cloudwatch: CloudWatch,
    identity: watch::Receiver<Identity>,
}

impl CloudWatchHere {
    pub async fn alarms(&mut self) -> Result<Vec<SeenAlarm>, Outcome> {
        self.look_where();
        self.cloudwatch.alarms().await
    }

    /// What the last request went out with.
    pub fn used(&self) -> &Used {
        self.cloudwatch.used()
    }

    fn look_where(&mut self) {
        let region = self.identity.borrow().known(&DimensionName::Region).map(str::to_owned);
        self.cloudwatch.set_region(region);
    }
}

impl Sink for CloudWatchHere {
    async fn put(&mut self, batch: &Batch) -> Answer {
        self.look_where();
        self.cloudwatch.put(batch).await
    }
}

pub fn cloudwatch(
    config: &Config,
    identity: watch::Receiver<Identity>,
    clock: Clock,
) -> CloudWatchHere {
    let may_ask = config.identity.imds && identity.borrow().is_on_ec2();
    let environment = Environment::read();
    let metadata = if may_ask || environment.names_metadata { Metadata::On } else { Metadata::Off };
    let options = Options { environment, metadata, ..Options::default() };
    let cloudwatch = CloudWatch::new(config.cloudwatch.clone(), options, clock);
    CloudWatchHere { cloudwatch, identity }
}

/// The SDK's client for alarms and dashboards, with its region. The error is for people.
pub async fn console(
    config: &Config,
    identity: &Identity,
    clock: &Clock,
) -> Result<Console, String> {
    let may_ask = config.identity.imds && identity.is_on_ec2();
    let environment = Environment::read();
    let metadata = if may_ask || environment.names_metadata { Metadata::On } else { Metadata::Off };
    let options = Options { environment, metadata, ..Options::default() };
    let region = identity.known(&DimensionName::Region).map(str::to_owned);
    let now = clock.now().wall;
    let settings = config.cloudwatch.clone();
    let (client, _) = cloudwatch::client(settings, options, region, now).await?;
    Ok(Console::new(&client))
}

const PATIENCE: Duration = Duration::from_secs(10);

/// machine-id(5).
pub const MACHINE_ID: &str = "/etc/machine-id";
