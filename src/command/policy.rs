//! `cwmem policy`: the least rights that this configuration needs, in the form that is wanted.

use crate::command::dashboard::default_name;
use crate::command::{output, outside};
use crate::config::Config;
use crate::dimension::DimensionName;
use crate::exit::Exit;
use crate::policy::{Package, cloudformation, operator, policy, policy_of_assumed_role, terraform};
use std::fmt::Write;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The policy document alone, or an instance profile around it
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// The policy of the role that cloudwatch.assume_role names, in its own account
    #[arg(long, conflicts_with = "format")]
    assumed_role: bool,
    /// The policy of whoever runs `cwmem alarms` and `cwmem dashboard` with --apply or --verify
    #[arg(long, conflicts_with_all = ["format", "assumed_role"])]
    operator: bool,
    /// Of user data: the package, s3://BUCKET/KEY or https://HOST/PATH
    #[arg(long, value_name = "URL", requires = "sha256")]
    package: Option<String>,
    /// Of user data: the package's SHA-256
    #[arg(long, value_name = "HEX", requires = "package")]
    sha256: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// An IAM policy document
    Json,
    /// A CloudFormation template with role and instance profile
    Cloudformation,
    /// The same for Terraform
    Terraform,
    /// A script for an instance's user data, which installs --package if its checksum is --sha256
    UserData,
}

pub fn run(config: &Config, options: &Options) -> Exit {
    if options.assumed_role {
        return match policy_of_assumed_role(config) {
            Some(policy) => output::show(format_args!("{policy:#}\n"), Exit::Ok),
            None => {
                output::complain("cloudwatch.assume_role isn't set: no role is assumed");
                Exit::Config
            }
        };
    }
    if options.operator {
        let identity = outside::identity(config);
        let region = identity.known(&DimensionName::Region).map(str::to_owned);
        let region = region.or_else(|| outside::local(config).region);
        let name = default_name(&config.alarms.prefix);
        let policy = operator(config, region.as_deref(), &name);
        return output::show(format_args!("{policy:#}\n"), Exit::Ok);
    }
    let mut text = String::new();
    let _ = match options.format {
        Format::Json => writeln!(text, "{:#}", policy(config)),
        Format::Cloudformation => writeln!(text, "{:#}", cloudformation(config)),
        Format::Terraform => write!(text, "{}", terraform(config)),
        Format::UserData => return user_data(options),
    };
    output::show(text, Exit::Ok)
}

fn user_data(options: &Options) -> Exit {
    let (Some(url), Some(sha256)) = (&options.package, &options.sha256) else {
        output::complain("--format user-data takes --package URL and --sha256 HEX");
        return Exit::Usage;
    };
    match Package::new(url, sha256) {
        Ok(package) => output::show(package.user_data(), Exit::Ok),
        Err(bad) => {
            output::complain(bad);
            Exit::Usage
        }
    }
}
