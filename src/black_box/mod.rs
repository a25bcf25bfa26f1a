//! The black box: which processes held the most memory while it was short, or when the kernel
//! killed one. Names and sizes only, never arguments or environment.
//!
//! It is a file `processes` beside the recorder's ring, a ring itself: the last 360 entries, one
//! each 10 seconds at most. All numbers are little-endian.
//!
//! ```text
//! header, 512 bytes          entry, 392 bytes                    each of its 10 processes, 36 bytes
//!   0  magic "cwmemPRC"        0  sequence u64, from 1             0  PID u32
//!   8  version u32: 1          8  wall clock i64, ms since 1970    4  name, 15 bytes and a zero
//!  12  CRC-32 u32             16  CLOCK_BOOTTIME u64, µs          20  resident u64, bytes
//!  16  entry's size u32       24  reason u16: 1 pressure, 2 kill  28  swap u64, bytes;
//!  20  entries u32            26  processes u16                       2⁶⁴−1 is not known
//!  24  owner's length u16     28  CRC-32 u32
//!  26  boot_id's length u16   32  processes
//!  28  owner, boot_id
//! ```
//!
//! A CRC is that of its header or entry with the CRC's own bytes zero. The entry of a sequence is in
//! slot `sequence % entries`; a slot of zeros is empty. Each entry is written by one `pwrite`:
//! whoever reads meanwhile loses that entry, as damage does. The file of an earlier boot is kept as
//! `processes.before`; others are set aside as `processes.foreign`, `.damaged` or `.newer`.

pub mod file;
pub mod format;

use crate::black_box::file::{Error, Opened, SetAside, Writer};
use crate::black_box::format::{Heading, Reason};
use crate::clock::{Boottime, Moment};
use crate::source::process::largest;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Says when the processes are to be looked at.
#[derive(Debug)]
pub struct BlackBox {
    writer: Arc<Writer>,
    last: Option<Boottime>,
}

/// One look at the processes: to be taken on a thread that may wait, a few milliseconds with
/// hundreds of them.
#[derive(Debug)]
#[must_use = "nothing is recorded until it is taken"]
pub struct Turn {
    writer: Arc<Writer>,
}

impl BlackBox {
    /// Continues the file in `directory`, or begins a new one and says what was set aside for it.
    pub fn open(
        directory: &Path,
        heading: &Heading,
    ) -> Result<(BlackBox, Option<SetAside>), Error> {
        let Opened { writer, set_aside } = Writer::open(directory, heading)?;
        Ok((BlackBox { writer: Arc::new(writer), last: None }, set_aside))
    }

    /// To be asked at each sample under pressure and after an OOM kill: at most one turn each 10
    /// seconds.
    pub fn due(&mut self, now: Boottime) -> Option<Turn> {
        let due = self.last.is_none_or(|last| now.since(last) >= BETWEEN_TURNS);
        due.then(|| {
            self.last = Some(now);
            Turn { writer: Arc::clone(&self.writer) }
        })
    }
}

impl Turn {
    /// Looks at the processes and writes down the largest.
    pub fn record(self, proc_root: &Path, now: Moment, reason: Reason) -> Result<(), Error> {
        let processes = largest(proc_root, format::MOST_PROCESSES)?;
        self.writer.append(now, reason, processes)
    }
}

const BETWEEN_TURNS: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use std::fs;

    #[test]
    fn a_turn_comes_each_ten_seconds_and_is_read_back() {
        let (proc_root, runtime) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(proc_root.path().join("7")).unwrap();
        fs::write(proc_root.path().join("7/statm"), "9 3 1 1 0 1 0\n").unwrap();
        fs::write(proc_root.path().join("7/status"), "Name:\tjava\nVmSwap:\t8 kB\n").unwrap();
        let heading = Heading { owner: "machine-id:1".into(), boot_id: "a".into() };
        let opened = BlackBox::open(runtime.path(), &heading);
        let (mut black_box, set_aside) = opened.unwrap();
        assert!(set_aside.is_none());
        let mut taken = Vec::new();
        for second in 0..25_u64 {
            let boot = Boottime(second * 1_000_000);
            let Some(turn) = black_box.due(boot) else { continue };
            // As it is meant to be: on another thread.
            let now = Moment { wall: Timestamp(second as i64 * 1_000), boot };
            let proc_root = proc_root.path().to_owned();
            let recorded =
                std::thread::spawn(move || turn.record(&proc_root, now, Reason::Pressure));
            recorded.join().unwrap().unwrap();
            taken.push(second);
        }
        assert_eq!(taken, [0, 10, 20]);
        let contents = file::read(&runtime.path().join(file::NAME)).unwrap();
        assert_eq!((contents.heading, contents.damaged), (heading, 0));
        let seconds: Vec<_> =
            contents.entries.iter().map(|entry| entry.taken.wall.0 / 1_000).collect();
        assert_eq!(seconds, [0, 10, 20]);
        let process = contents.entries[2].processes[0];
        assert_eq!((process.pid, process.name.to_string().as_str()), (7, "java"));
        fs::remove_dir_all(proc_root.path().join("7")).unwrap();
        let turn = black_box.due(Boottime(60_000_000)).unwrap();
        let now = Moment { wall: Timestamp(0), boot: Boottime(0) };
        let error = turn.record(Path::new("/nonexistent"), now, Reason::OomKill).unwrap_err();
        assert!(
            error.to_string().starts_with("cannot list the processes in /nonexistent"),
            "{error}"
        );
    }
}
