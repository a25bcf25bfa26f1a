//! Files whose names say that the service may have what is in them: a start doesn't send it again.

use crate::spool::folder::{Folder, SPOOL};
use crate::spool::inventory::Name;
use crate::spool::{Key, text};
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

impl Folder {
    /// Says in a file's name that the service may have it, for good, or takes that back.
    pub fn mark(&mut self, key: Key, offered: bool) -> io::Result<()> {
        let [plain, _, marked] = self.paths(key);
        let (from, to) = if offered { (plain, marked) } else { (marked, plain) };
        match fs::rename(from, to) {
            // Taking it back failed before. Or somebody removed it: no start can send it either.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => result?,
        }
        // Where a mark that is taken back is lost, less is sent: nothing twice.
        if offered { File::open(self.root.join(SPOOL))?.sync_all() } else { Ok(()) }
    }

    /// Under which names a part may be found, the usual one first.
    pub(super) fn paths(&self, key: Key) -> [PathBuf; 3] {
        let marked = self.root.join(SPOOL).join(Name::Offered(key).to_string());
        [self.path(key, false), self.path(key, true), marked]
    }

    /// What an earlier run offered and heard no clear answer of is given up: how many datums.
    pub(super) fn drop_offered(&self) -> io::Result<usize> {
        let mut datums = 0;
        for entry in fs::read_dir(self.root.join(SPOOL))? {
            let path = entry?.path();
            if let Some(Name::Offered(_)) = Name::parse(&path) {
                let held = fs::read(&path).map_or(1, |bytes| text::datums(&bytes).max(1));
                // One that can't be removed is never sent either.
                datums += fs::remove_file(&path).map_or(0, |()| held);
            }
        }
        Ok(datums)
    }
}
