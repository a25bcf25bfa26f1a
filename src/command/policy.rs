//! `cwmem policy`: the least rights that this configuration needs, in the form that is wanted.

use crate::command::output;
use crate::config::Config;
use crate::exit::Exit;
use crate::policy::{cloudformation, policy, policy_of_assumed_role, terraform};
use std::fmt::Write;

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The policy document alone, or an instance profile around it
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// The policy of the role that cloudwatch.assume_role names, in its own account
    #[arg(long, conflicts_with = "format")]
    assumed_role: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// An IAM policy document
    Json,
    /// A CloudFormation template with role and instance profile
    Cloudformation,
    /// The same for Terraform
    Terraform,
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
    let mut text = String::new();
    let _ = match options.format {
        Format::Json => writeln!(text, "{:#}", policy(config)),
        Format::Cloudformation => writeln!(text, "{:#}", cloudformation(config)),
        Format::Terraform => write!(text, "{}", terraform(config)),
    };
    output::show(text, Exit::Ok)
}
