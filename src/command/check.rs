//! `cwmem check`: the configuration, then each thing that the agent depends on: its state, the
//! evidence, and what to do.

mod alarms;
mod configuration;
mod cost;
mod database;
mod dimensions;
mod disk;
mod kernel;
mod line;
mod metadata;
pub(super) mod scopes;
mod service;

use crate::clock::Clock;
use crate::command::output;
use crate::command::outside;
use crate::config::Config;
use crate::exit::Exit;
use crate::pipeline::identity_of;
use line::Line;
use tokio::sync::watch;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// Look only at this host: ask neither the metadata service nor CloudWatch nor the database
    #[arg(long)]
    offline: bool,
    /// Look only at the configuration, and not at this host either: whether `run` would take it
    #[arg(long, conflicts_with = "offline")]
    config_only: bool,
    /// Look for alarms in the account that almost fit what is published, and so see nothing
    #[arg(long, conflicts_with_all = ["offline", "config_only"])]
    alarms: bool,
    /// Print a JSON object for each thing that was looked at
    #[arg(long)]
    json: bool,
}

/// Exits with 1 where something doesn't work, with 69 where all that is amiss is that a service or a
/// database doesn't answer; a wrong configuration has exited with 78 before.
pub async fn run(config: &Config, options: &Options, clock: &Clock) -> Exit {
    let lines = look(config, options, clock).await;
    let text = match options.json {
        true => line::for_programs(&lines),
        false => line::for_people(&lines),
    };
    output::show(text, line::exit(&lines))
}

async fn look(config: &Config, options: &Options, clock: &Clock) -> Vec<Line> {
    let mut lines = vec![configuration::line(config)];
    if options.config_only {
        return lines;
    }
    lines.extend(kernel::lines(config, clock));
    lines.extend(scopes::lines(config, clock.now()));
    lines.extend(disk::lines(config, clock).await);
    let mut identity = identity_of(config, &outside::local(config));
    if !options.offline {
        identity = outside::learn(identity, config, clock).await;
        lines.extend(metadata::line(&identity).await);
    }
    lines.extend(dimensions::lines(config, &identity, options.offline));
    lines.extend(configuration::patience(config));
    lines.extend(cost::line(config, &identity));
    if options.offline {
        return lines;
    }
    let (_sender, names) = watch::channel(identity.clone());
    let mut cloudwatch = outside::cloudwatch(config, names, clock.clone());
    lines.extend(service::lines(config, &mut cloudwatch, clock).await);
    if options.alarms {
        lines.extend(alarms::lines(config, &identity, &mut cloudwatch).await);
    }
    lines.extend(database::lines(config, clock).await);
    lines
}
