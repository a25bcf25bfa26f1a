//! The command line: parses it, loads what every command needs, and hands over to the command.

use crate::allocator;
use crate::command;
use crate::command::output;
use crate::command::run::Loader;
use crate::config::{self, Config, Overrides, State};
use crate::environment;
use crate::exit::Exit;
use crate::log;
use crate::rehearsal;
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::LocalOptions;

/// Samples a host's memory every second and publishes it to Amazon CloudWatch.
#[derive(Debug, Parser)]
#[command(name = "cwmem", version, long_version = LONG_VERSION, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Args)]
struct Common {
    /// The configuration file; conf.d/*.toml beside it is read too [default: /etc/cwmem/cwmem.toml]
    #[arg(long, global = true, value_name = "FILE", env = "CWMEM_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Read this tree instead of /proc: a captured one, or a container's host's
    #[arg(long, global = true, value_name = "DIR")]
    proc_root: Option<PathBuf>,
    /// Read this tree instead of /sys
    #[arg(long, global = true, value_name = "DIR")]
    sys_root: Option<PathBuf>,
    /// How much to log: error, warn, info or debug
    #[arg(long, global = true, value_name = "LEVEL", env = "CWMEM_LOG", hide_env_values = true)]
    log: Option<config::Level>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sample and publish until told to stop (SIGTERM); SIGHUP reloads the configuration
    Run,
    /// Take one sample, or one period, and publish it
    Once(command::once::Options),
    /// Check all that the agent depends on, from kernel files to CloudWatch, and say what to do
    Check(command::check::Options),
    /// Show each metric's formula, its value on this host now, and the fields it used
    Explain,
    /// Show what was recorded, second by second, with the processes at the peaks
    History(command::history::Options),
    /// Show what the running agent does: last sample and publish, what waits, what was lost
    Status(command::status::Options),
    /// Look at what waits to be sent, while the agent is stopped; take it over or set it aside
    #[command(subcommand)]
    Spool(command::spool::Action),
    /// Run a command while this host alone, of all that use the database, has the lock NAME
    #[command(after_long_help = command::lock::LIMITS)]
    Lock(command::lock::Options),
    /// Make the tables of a cluster, or show its members and who leads
    #[command(subcommand)]
    Cluster(command::cluster::Action),
    /// Turn another agent's configuration into cwmem's, and report what changes
    Import(command::import::Options),
    /// Show the alarms that fit this configuration, print them as templates, put and verify them
    Alarms(command::alarms::Options),
    /// Print or put a CloudWatch dashboard of what this configuration publishes
    Dashboard(command::dashboard::Options),
    /// Show what this configuration costs a month at CloudWatch, and what would cost less
    Cost(command::cost::Options),
    /// Print the least IAM policy that this configuration needs
    Policy(command::policy::Options),
    /// Print a completion script for a shell
    Completions { shell: clap_complete::Shell },
    /// Print the manual page, or write all of them to a folder
    Man {
        /// Write one page a command to this folder
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// Parses the command line and runs the command.
pub fn main() -> Exit {
    allocator::be_frugal();
    std::panic::set_hook(Box::new(|info| {
        output::complain(format_args!("this is a bug, please report it: {info}"));
        std::process::exit(i32::from(Exit::Bug.code()));
    }));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, on standard output.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Ok };
        }
    };
    match &cli.command {
        Command::Completions { shell } => command::completions::run(*shell, &mut Cli::command()),
        Command::Man { dir } => command::man::run(Cli::command(), dir.as_deref()),
        Command::History(options) => command::history::run(&folders(&cli.common), options),
        Command::Status(options) => {
            let [_, runtime] = folders(&cli.common);
            command::status::run(&runtime, options)
        }
        Command::Import(options) => command::import::run(options),
        Command::Lock(options) => command::lock::run(options, loader(cli.common.clone())),
        command => with_config(command, &cli.common),
    }
}

fn with_config(command: &Command, common: &Common) -> Exit {
    let load = loader(common.clone());
    let config = match (load(), command) {
        (Ok(config), _) => config,
        // A laptop has none.
        (Err(_), Command::Cluster(action)) if action.names_database() => Config::default(),
        (Err(problems), _) => {
            // Each line says where: no prefix, so that editors find the places.
            let _ = writeln!(io::stderr(), "{problems}");
            return Exit::Config;
        }
    };
    log::start(match command {
        Command::Run => config.log,
        // What the others find they print themselves; their log is for who asks for it.
        _ => config::Log { level: common.log.unwrap_or(config::Level::Error), ..config.log },
    });
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = match runtime.enable_all().build_local(LocalOptions::default()) {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(format_args!("cannot start the runtime: {error}"));
            return Exit::Unavailable;
        }
    };
    let clock = rehearsal::clock();
    let exit = runtime.block_on(async {
        tokio::task::spawn_local(rehearsal::keep_stepping(clock.clone()));
        match command {
            Command::Run => command::run::run(config, load, clock).await,
            Command::Once(options) => command::once::run(&config, options, &clock).await,
            Command::Check(options) => command::check::run(&config, options, &clock).await,
            Command::Explain => command::explain::run(&config, &clock).await,
            Command::Cluster(action) => command::cluster::run(&config, action, &clock).await,
            Command::Alarms(options) => command::alarms::run(&config, options, &clock).await,
            Command::Dashboard(options) => command::dashboard::run(&config, options, &clock).await,
            Command::Cost(options) => command::cost::run(&config, options),
            Command::Policy(options) => command::policy::run(&config, options),
            Command::Spool(action) => command::spool::run(&config, action, &clock),
            Command::History(_)
            | Command::Status(_)
            | Command::Import(_)
            | Command::Lock(_)
            | Command::Completions { .. }
            | Command::Man { .. } => Exit::Ok,
        }
    });
    // A name that is still being looked up must not hold the process.
    runtime.shutdown_background();
    exit
}

/// The state directory and the runtime directory. A broken configuration mustn't keep recordings
/// and status from whoever looks for what broke.
fn folders(common: &Common) -> [PathBuf; 2] {
    let state = loader(common.clone())().map(|config| config.state).unwrap_or_else(|_| {
        let State { directory: state, runtime_directory: runtime } = Config::default().state;
        State {
            directory: directory("STATE_DIRECTORY").unwrap_or(state),
            runtime_directory: directory("RUNTIME_DIRECTORY").unwrap_or(runtime),
        }
    });
    [state.directory, state.runtime_directory]
}

fn loader(common: Common) -> Loader {
    Arc::new(move || {
        let overrides = Overrides {
            proc_root: common.proc_root.clone(),
            sys_root: common.sys_root.clone(),
            level: common.log,
            state_directory: directory("STATE_DIRECTORY"),
            runtime_directory: directory("RUNTIME_DIRECTORY"),
        };
        config::load(common.config.as_deref(), &overrides)
    })
}

/// The first of the directories that the service manager made (systemd.exec(5), StateDirectory=).
fn directory(variable: &str) -> Option<PathBuf> {
    let directories = environment::variable(variable)?;
    directories.split(':').next().filter(|first| first.starts_with('/')).map(PathBuf::from)
}

const LONG_VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION"), " (commit ", env!("CWMEM_COMMIT"), ")");
