//! The reader of the host's memory, on Linux and elsewhere.

use crate::source::meminfo::{self, Extras, MemInfo};
#[cfg(target_os = "linux")]
use crate::source::proc_file;
use std::path::Path;

/// /proc where there is one; elsewhere `sysinfo`, unless a captured tree is asked for.
pub(super) struct MemInfoReader {
    #[cfg(target_os = "linux")]
    inner: meminfo::Reader,
    #[cfg(not(target_os = "linux"))]
    inner: ElsewhereReader,
}

#[cfg(target_os = "linux")]
impl MemInfoReader {
    pub(super) fn open(proc_root: &Path) -> Result<MemInfoReader, proc_file::ReadError> {
        Ok(MemInfoReader { inner: meminfo::Reader::open(proc_root)? })
    }

    pub(super) fn read(
        &mut self,
        extras: &Extras,
        values: &mut [Option<u64>],
    ) -> Result<MemInfo, proc_file::Error<meminfo::ParseError>> {
        self.inner.read(extras, values)
    }
}

#[cfg(not(target_os = "linux"))]
enum ElsewhereReader {
    Captured(meminfo::Reader),
    System(crate::source::system::Reader),
}

#[cfg(not(target_os = "linux"))]
impl MemInfoReader {
    pub(super) fn open(proc_root: &Path) -> Result<MemInfoReader, String> {
        let inner = if proc_root == Path::new("/proc") {
            let reader =
                crate::source::system::Reader::open().map_err(|error| error.to_string())?;
            ElsewhereReader::System(reader)
        } else {
            let reader = meminfo::Reader::open(proc_root).map_err(|error| error.to_string())?;
            ElsewhereReader::Captured(reader)
        };
        Ok(MemInfoReader { inner })
    }

    pub(super) fn read(
        &mut self,
        extras: &Extras,
        values: &mut [Option<u64>],
    ) -> Result<MemInfo, String> {
        match &mut self.inner {
            ElsewhereReader::Captured(reader) => {
                reader.read(extras, values).map_err(|error| error.to_string())
            }
            ElsewhereReader::System(reader) => reader.read().map_err(|error| error.to_string()),
        }
    }
}
