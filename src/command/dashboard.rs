//! `cwmem dashboard`: a dashboard of what this configuration publishes, printed or put.

use crate::alarms::place::{Place, any_host};
use crate::clock::Clock;
use crate::command::output::{self, complain};
use crate::command::outside;
use crate::config::Config;
use crate::dashboard::{Dashboard, dashboard};
use crate::dimension::DimensionName;
use crate::exit::Exit;
use crate::identity::Identity;
use serde_json::Value;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The dashboard's name [default: that of alarms.prefix, and "memory"]
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,
    /// Of any EC2 instance with this configuration: which one is chosen on the dashboard
    #[arg(long)]
    any_host: bool,
    /// Say whether it would be created or replaced at CloudWatch; with --yes, do it
    #[arg(long)]
    apply: bool,
    /// Put it
    #[arg(long, requires = "apply")]
    yes: bool,
}

/// Exit code 1 where it is still to be put, or the service warns of it.
pub async fn run(config: &Config, options: &Options, clock: &Clock) -> Exit {
    let here = outside::learn(outside::identity(config), config, clock).await;
    let region = config.cloudwatch.region.clone();
    let region = region.or_else(|| here.known(&DimensionName::Region).map(str::to_owned));
    let region = region.or_else(|| outside::local(config).region);
    let Some(region) = region else {
        complain("a dashboard names a region: set [cloudwatch] region or AWS_REGION");
        return Exit::Config;
    };
    let any = any_host(config, true);
    let place = if options.any_host { Place::Template(&any) } else { Place::Here(&here) };
    let Dashboard { body, notes } = dashboard(config, place, &region);
    notes.iter().for_each(complain);
    if body["widgets"].as_array().is_none_or(Vec::is_empty) {
        complain("nothing can be drawn of what this configuration publishes");
        return Exit::Findings;
    }
    match options.apply {
        true => apply(config, options, &here, &body, clock).await,
        false => output::show(format_args!("{body:#}\n"), Exit::Ok),
    }
}

async fn apply(
    config: &Config,
    options: &Options,
    identity: &Identity,
    body: &Value,
    clock: &Clock,
) -> Exit {
    let unavailable = |error: String| {
        complain(error);
        Exit::Unavailable
    };
    let name = options.name.clone().unwrap_or_else(|| default_name(&config.alarms.prefix));
    let console = match outside::console(config, identity, clock).await {
        Ok(console) => console,
        Err(error) => return unavailable(error),
    };
    let what = match console.dashboard(&name).await {
        Ok(Some(found)) if found == *body => {
            return output::show(format_args!("unchanged  {name}\n"), Exit::Ok);
        }
        Ok(Some(_)) => "replace",
        Ok(None) => "create",
        Err(error) => return unavailable(error),
    };
    if !options.yes {
        let text = format_args!("{what}  {name}\nNothing was put: add --yes.\n");
        return output::show(text, Exit::Findings);
    }
    match console.put_dashboard(&name, body).await {
        Ok(warnings) => {
            warnings.iter().for_each(complain);
            let exit = if warnings.is_empty() { Exit::Ok } else { Exit::Findings };
            output::show(format_args!("{what}d  {name}\n"), exit)
        }
        Err(error) => unavailable(error),
    }
}

/// The name of a configuration's dashboard.
pub fn default_name(prefix: &str) -> String {
    let name = format!("{prefix}memory");
    name.chars().map(|character| if is_allowed(character) { character } else { '-' }).collect()
}

/// API reference, PutDashboard, `DashboardName`.
fn name(text: &str) -> Result<String, String> {
    match (1..=255).contains(&text.len()) && text.chars().all(is_allowed) {
        true => Ok(text.to_owned()),
        false => Err("expected 1 to 255 letters, digits, - and _".to_owned()),
    }
}

fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-_".contains(character)
}
