//! `/proc/spl/kstat/zfs/arcstats`: ZFS's cache, which the kernel doesn't count among what can be had
//! (OpenZFS, module/zfs/arc.c).

use crate::source::meminfo::{number_of, shown};
use crate::source::proc_file::{Error, ProcFile};
use crate::units::Bytes;
use std::path::Path;

/// What the cache holds, and below what it doesn't shrink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arc {
    pub size: Bytes,
    pub least: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("expected `<name> <type> <count>`, found {0:?}")]
    Line(String),
    #[error("no line `{0} <type> <count>`")]
    Missing(&'static str),
}

/// Reads the cache's size; a host without ZFS has no cache.
pub struct Reader {
    file: Option<ProcFile>,
}

impl Arc {
    /// What it gives back where memory is short: size − c_min.
    pub fn reclaimable(self) -> Bytes {
        Bytes(self.size.0.saturating_sub(self.least.0))
    }
}

impl Reader {
    /// Where the file isn't there, ZFS isn't loaded: nothing is reclaimable.
    pub fn open(proc_root: &Path) -> Result<Reader, Error<ParseError>> {
        let file = proc_root.join(FILE).exists().then(|| ProcFile::open(proc_root, FILE));
        Ok(Reader { file: file.transpose()? })
    }

    pub fn is_there(&self) -> bool {
        self.file.is_some()
    }

    pub fn read(&mut self) -> Result<Bytes, Error<ParseError>> {
        let arc = self.file.as_mut().map(|file| file.read_as(parse)).transpose()?;
        Ok(arc.map_or(Bytes(0), Arc::reclaimable))
    }
}

pub fn parse(text: &[u8]) -> Result<Arc, ParseError> {
    let field = |name: &'static str| {
        let named = |line: &&[u8]| {
            line.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&b' '))
        };
        let line = text.split(|&byte| byte == b'\n').find(named);
        let line = line.ok_or(ParseError::Missing(name))?;
        let mut words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
        let value = words.nth(2).and_then(number_of).filter(|_| words.next().is_none());
        value.map(Bytes).ok_or_else(|| ParseError::Line(shown(line)))
    };
    Ok(Arc { size: field("size")?, least: field("c_min")? })
}

pub const FILE: &str = "spl/kstat/zfs/arcstats";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STATS: &str = "13 1 0x01 147 39984 5153893310 4444\nname                            type data\nhits                            4    10\nc_min                           4    1073741824\nc_max                           4    8589934592\nsize                            4    6442450944\ncompressed_size                 4    1\n";

    #[test]
    fn size_and_least() {
        let arc = parse(STATS.as_bytes()).unwrap();
        assert_eq!((arc.size, arc.least), (Bytes(6 << 30), Bytes(1 << 30)));
        assert_eq!(arc.reclaimable(), Bytes(5 << 30));
        assert_eq!(Arc { size: Bytes(1), least: Bytes(2) }.reclaimable(), Bytes(0));
        assert_eq!(parse(b""), Err(ParseError::Missing("size")));
        for bad in ["size 4 x", "size 4", "size 4 1 2", "size 4 -1"] {
            assert!(
                parse(
                    STATS
                        .replace("size                            4    6442450944", bad)
                        .as_bytes()
                )
                .is_err()
            );
        }
    }

    #[test]
    fn without_zfs_nothing_is_reclaimable() {
        let root = tempfile::tempdir().unwrap();
        let mut reader = Reader::open(root.path()).unwrap();
        assert!(!reader.is_there());
        assert_eq!(reader.read().unwrap(), Bytes(0));
        let folder = root.path().join("spl/kstat/zfs");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("arcstats"), STATS).unwrap();
        assert_eq!(Reader::open(root.path()).unwrap().read().unwrap(), Bytes(5 << 30));
    }

    proptest! {
        #[test]
        fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&text);
        }
    }
}
