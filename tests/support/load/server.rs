//! What the server spends: as it says itself, and as /proc has its process where that is here.

use cwmem::cluster::database::Connection;
use cwmem::cluster::statements::Statement;
use cwmem::cluster::talk;
use std::fmt;
use std::time::Duration;

/// A process of this machine, or none.
pub struct Process(Option<u32>);

/// Counters of the server; memory as it is, and not what was added.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub version: String,
    /// Since it started.
    pub most_connections: i64,
    pub connections: i64,
    /// Closed without a word: each is a line in the server's log.
    pub aborted: i64,
    /// Of the members' table with its index, in bytes, as the server estimates it.
    pub table_bytes: i64,
    pub cpu: Duration,
    /// In kB; nothing where the process isn't here.
    pub resident: Option<u64>,
    pub peak_resident: Option<u64>,
}

impl Process {
    pub async fn of_server(connection: &mut Connection) -> Process {
        let file = ask(connection, "SELECT @@pid_file").await;
        let id = file.ok().and_then(|file| std::fs::read_to_string(file).ok());
        Process(id.and_then(|id| id.trim().parse().ok()))
    }

    pub fn own() -> Process {
        Process(Some(std::process::id()))
    }

    pub async fn figures(&mut self, connection: &mut Connection) -> Result<Figures, String> {
        let number = |text: String| text.parse::<i64>().unwrap_or(0);
        Ok(Figures {
            version: ask(connection, "SELECT CONCAT(@@version_comment, ' ', @@version)").await?,
            most_connections: number(status(connection, MOST_CONNECTIONS).await?),
            connections: number(status(connection, CONNECTIONS).await?),
            aborted: number(status(connection, ABORTED).await?),
            table_bytes: number(ask(connection, TABLE_BYTES).await.unwrap_or_default()),
            cpu: self.cpu(),
            resident: self.kilobytes("VmRSS:"),
            peak_resident: self.kilobytes("VmHWM:"),
        })
    }

    /// User's and system's time.
    pub fn cpu(&self) -> Duration {
        let ticks = self.read("stat").and_then(|stat| {
            let rest = stat.rsplit_once(") ")?.1.to_owned();
            let fields: Vec<&str> = rest.split(' ').collect();
            // proc(5): utime and stime are the fields 14 and 15; the third is the first one here.
            Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
        });
        let second = rustix::param::clock_ticks_per_second();
        Duration::from_secs_f64(ticks.unwrap_or(0) as f64 / second as f64)
    }

    fn kilobytes(&self, field: &str) -> Option<u64> {
        let status = self.read("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    }

    fn read(&self, file: &str) -> Option<String> {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.0?)).ok()
    }
}

impl Figures {
    pub fn since(&self, before: &Figures) -> Figures {
        Figures {
            connections: self.connections - before.connections,
            aborted: self.aborted - before.aborted,
            cpu: self.cpu.saturating_sub(before.cpu),
            ..self.clone()
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { version, most_connections, aborted, table_bytes, .. } = self;
        writeln!(formatter, "server: {version}")?;
        writeln!(
            formatter,
            "connections at a time, by the server since it started: {most_connections}"
        )?;
        writeln!(formatter, "connections closed without a word: {aborted}")?;
        writeln!(formatter, "the members' table: {} KiB", table_bytes / 1_024)?;
        if let (Some(resident), Some(peak)) = (self.resident, self.peak_resident) {
            writeln!(formatter, "server's resident memory: {resident} kB, at most {peak} kB")?;
        }
        Ok(())
    }
}

async fn ask(connection: &mut Connection, text: &'static str) -> Result<String, String> {
    let statement = Statement { text, parameters: Vec::new() };
    let row = talk::row(connection, &statement).await.map_err(|error| error.to_string())?;
    let answer = row.text(0).or_else(|| row.integer(0).map(|number| number.to_string()));
    answer.ok_or_else(|| format!("no answer to `{text}`"))
}

async fn status(connection: &mut Connection, text: &'static str) -> Result<String, String> {
    let statement = Statement { text, parameters: Vec::new() };
    let row = talk::row(connection, &statement).await.map_err(|error| error.to_string())?;
    row.text(1).ok_or_else(|| format!("no answer to `{text}`"))
}

const MOST_CONNECTIONS: &str = "SHOW GLOBAL STATUS LIKE 'Max_used_connections'";
const CONNECTIONS: &str = "SHOW GLOBAL STATUS LIKE 'Connections'";
const ABORTED: &str = "SHOW GLOBAL STATUS LIKE 'Aborted_clients'";
const TABLE_BYTES: &str = "SELECT data_length + index_length FROM information_schema.tables \
    WHERE table_schema=DATABASE() AND table_name='cwmem_member'";
