//! `cwmem spool`: what waits in the state directory while the agent is stopped, taken over or set
//! aside.

use crate::clock::{Clock, Timestamp};
use crate::command::output::{complain, stdout};
use crate::command::outside;
use crate::config::Config;
use crate::exit::Exit;
use crate::pipeline::identity_of;
use crate::publisher::Whose;
use crate::spool::offline::{Adopted, Aside, AsideError, Listed, Offline, OfflineError, State};
use crate::state;
use crate::status::view::{age, bytes};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;

#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Show each file: its period, what is in it, and whether it will be sent
    List {
        /// A JSON object a line for each file
        #[arg(long)]
        json: bool,
    },
    /// Take over what was set aside as another host's: it is sent with the dimensions it has
    Adopt,
    /// Set files aside so that they are never sent
    Quarantine {
        /// Files by their names in the list
        #[arg(value_name = "FILE", required_unless_present = "all", conflicts_with = "all")]
        files: Vec<String>,
        /// Everything that waits
        #[arg(long)]
        all: bool,
    },
}

/// Why a command ends early.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Aside(#[from] AsideError),
    #[error(transparent)]
    Offline(#[from] OfflineError),
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
}

pub fn run(config: &Config, action: &Action, clock: &Clock) -> Exit {
    match act(config, action, clock.now().wall) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            complain(&error);
            error.exit()
        }
    }
}

fn act(config: &Config, action: &Action, now: Timestamp) -> Result<(), Error> {
    let identity = identity_of(config, &outside::local(config));
    let Whose { owner, boot_id } = state::whose(config, &identity, Path::new(outside::MACHINE_ID));
    let spool = Offline::open(&config.state.directory, owner, &boot_id)?;
    let mut output = stdout();
    match action {
        Action::List { json: true } => {
            for listed in spool.list()? {
                let line = serde_json::to_string(&Line::of(&listed?, now)).unwrap_or_default();
                writeln!(output, "{line}")?;
            }
        }
        Action::List { json: false } => list(&spool, now, &mut output)?,
        Action::Adopt => tell_adopted(&spool.adopt()?, &mut output)?,
        Action::Quarantine { files, all } => {
            let Aside { files, folder } = spool.set_aside((!all).then_some(files.as_slice()))?;
            match files {
                0 => writeln!(output, "nothing waits: nothing is set aside")?,
                _ => writeln!(
                    output,
                    "{files} files are set aside in {}: they are not sent any more; remove them when you don't need them",
                    folder.display()
                )?,
            }
        }
    }
    Ok(output.flush()?)
}

/// Columns of a fixed width: a table that fits its widest cell would have to hold them all.
fn list(spool: &Offline, now: Timestamp, output: &mut impl Write) -> Result<(), Error> {
    writeln!(
        output,
        "{:20}  {:>12}  {:>6}  {:>10}  {:42}  STATE",
        "PERIOD", "AGE", "DATUMS", "SIZE", "FILE"
    )?;
    let (mut waiting, mut datums, mut size, mut aside, mut aside_size) = (0, 0, 0, 0, 0);
    for listed in spool.list()? {
        let listed = listed?;
        if listed.waits {
            (waiting, datums, size) = (waiting + 1, datums + listed.datums, size + listed.bytes);
        } else {
            (aside, aside_size) = (aside + 1, aside_size + listed.bytes);
        }
        let period = listed.key.map(|key| key.period);
        writeln!(
            output,
            "{:20}  {:>12}  {:>6}  {:>10}  {:42}  {}",
            period.map(|period| period.to_string()).unwrap_or_default(),
            period.map(|period| age(ago(period, now))).unwrap_or_default(),
            listed.datums,
            bytes(listed.bytes),
            listed.file,
            words(&listed),
        )?;
    }
    let (size, aside_size) = (bytes(size), bytes(aside_size));
    writeln!(output, "\n{waiting} files wait to be sent: {datums} datums, {size}")?;
    writeln!(output, "{aside} other files: {aside_size}")?;
    Ok(())
}

fn words(listed: &Listed) -> String {
    match &listed.state {
        State::Ready | State::Pending if listed.is_undecided() => {
            "whose it is isn't known yet".to_owned()
        }
        State::Ready if listed.waits => "ready".to_owned(),
        State::Pending if listed.waits => "waits for the InstanceId".to_owned(),
        State::Ready | State::Pending => "set aside".to_owned(),
        State::Foreign { owner } => format!("another host's: {owner}"),
        State::Damaged { reason } => format!("damaged: {reason}"),
        State::Newer { reason } => reason.clone(),
        State::Offered => "may have arrived: isn't sent again".to_owned(),
        State::Rejected => "refused by CloudWatch, with why".to_owned(),
        State::Unknown => "not cwmem's".to_owned(),
    }
}

fn ago(period: Timestamp, now: Timestamp) -> f64 {
    now.millis_since(period) as f64 / 1_000.0
}

fn tell_adopted(adopted: &Adopted, output: &mut impl Write) -> io::Result<()> {
    let Adopted { files, datums, owners, pending, unreadable, recordings } = adopted;
    match files {
        0 => writeln!(output, "nothing of another host's can be taken over")?,
        _ => writeln!(
            output,
            "{files} files with {datums} datums of {} are taken over: they are sent with the dimensions they have",
            owners.join(", ")
        )?,
    }
    if *pending > 0 {
        writeln!(output, "{pending} datums lack their host's InstanceId: they stay set aside")?;
    }
    if *unreadable > 0 {
        writeln!(output, "{unreadable} files can't be read: `cwmem spool list` says why")?;
    }
    for recording in recordings {
        let recording = recording.display();
        writeln!(output, "{recording} stays: only `cwmem history --file` reads it")?;
    }
    Ok(())
}

impl Error {
    fn exit(&self) -> Exit {
        match self {
            Error::Offline(error) | Error::Aside(AsideError::Offline(error)) => match error {
                OfflineError::Missing(_) => Exit::Unreadable,
                OfflineError::Running(_) => Exit::Temporary,
                OfflineError::Denied(_) | OfflineError::Io { .. } => Exit::Unavailable,
            },
            Error::Aside(AsideError::Unknown(_)) => Exit::Unreadable,
            Error::Output(_) => Exit::Unavailable,
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    state: &'static str,
    /// Will be sent.
    waits: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<f64>,
    datums: usize,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Line<'_> {
    fn of(listed: &Listed, now: Timestamp) -> Line<'_> {
        let period = listed.key.map(|key| key.period);
        let (state, owner, reason) = match &listed.state {
            State::Ready => ("ready", None, None),
            State::Pending => ("pending", None, None),
            State::Foreign { owner } => ("foreign", Some(owner.as_str()), None),
            State::Damaged { reason } => ("damaged", None, Some(reason.as_str())),
            State::Newer { reason } => ("newer", None, Some(reason.as_str())),
            State::Offered => ("offered", None, None),
            State::Rejected => ("rejected", None, None),
            State::Unknown => ("unknown", None, None),
        };
        Line {
            file: &listed.file,
            state,
            waits: listed.waits,
            period: period.map(|period| period.to_string()),
            age_seconds: period.map(|period| ago(period, now)),
            datums: listed.datums,
            bytes: listed.bytes,
            owner,
            reason,
        }
    }
}
