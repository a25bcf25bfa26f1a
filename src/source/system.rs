//! Where there is no `/proc`: total, available and swap through `sysinfo`, so that a laptop runs it.

use crate::source::meminfo::MemInfo;
use crate::units::Bytes;

pub struct Reader {
    system: sysinfo::System,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot read this system's memory through sysinfo: {0}")]
pub struct Error(String);

impl Reader {
    pub fn open() -> Result<Reader, Error> {
        match sysinfo::System::new() {
            Ok(system) => Ok(Reader { system }),
            Err(error) => Err(Error(format!("{error:?}"))),
        }
    }

    pub fn read(&mut self) -> Result<MemInfo, Error> {
        self.system.refresh_memory();
        let total = self.system.total_memory();
        if total == 0 {
            return Err(Error("its total memory is 0".into()));
        }
        Ok(MemInfo {
            total: Bytes(total),
            free: Some(Bytes(self.system.free_memory())),
            available: Some(Bytes(self.system.available_memory())),
            swap_total: Some(Bytes(self.system.total_swap())),
            swap_free: Some(Bytes(self.system.free_swap())),
            ..MemInfo::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_system_has_memory() {
        let info = Reader::open().unwrap().read().unwrap();
        assert!(info.available.unwrap() <= info.total);
    }
}
