//! A kernel file kept open and read again and again into one buffer.

use rustix::fs::OFlags;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Opened once; each read is a `pread` from its start, which makes the kernel render it anew.
pub struct ProcFile {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
}

/// What stopped a kernel file from being read, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {source}{}", path.display(), advice(path, source))]
pub struct ReadError {
    path: PathBuf,
    source: io::Error,
}

/// What stopped a kernel file from being read or understood.
#[derive(Debug, thiserror::Error)]
pub enum Error<E: std::error::Error + 'static> {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("{}: {source}", path.display())]
    Parse { path: PathBuf, source: E },
}

impl ProcFile {
    /// Fails where the file cannot be opened; that it opens doesn't say that it can be read.
    pub fn open(root: &Path, name: &str) -> Result<ProcFile, ReadError> {
        let path = root.join(name);
        match File::open(&path) {
            Ok(file) => Ok(ProcFile { path, file, buffer: vec![0; FIRST_BUFFER] }),
            Err(source) => Err(ReadError { path, source }),
        }
    }

    /// What `parse` makes of the file's content now.
    pub fn read_as<T, E: std::error::Error>(
        &mut self,
        parse: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<T, Error<E>> {
        parse(self.read()?).map_err(|source| Error::Parse { path: self.path.clone(), source })
    }

    /// The file's content now. Allocates only when the file has outgrown the buffer.
    pub fn read(&mut self) -> Result<&[u8], ReadError> {
        let mut length = 0;
        loop {
            if length == self.buffer.len() {
                if length >= MOST {
                    let source = io::ErrorKind::FileTooLarge.into();
                    return Err(ReadError { path: self.path.clone(), source });
                }
                self.buffer.resize(length * 2, 0);
            }
            match read_at(&self.file, &mut self.buffer[length..], length as u64) {
                Ok(0) => return Ok(&self.buffer[..length]),
                // One read renders a file of /proc that fits into the buffer; asking for its end
                // would make the kernel render it once more.
                Ok(read) if length == 0 && read < self.buffer.len() && self.is_whole(read) => {
                    return Ok(&self.buffer[..read]);
                }
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ReadError { path: self.path.clone(), source }),
            }
        }
    }

    /// The kernel hands out whole lines; anything else has to be read on to its end.
    fn is_whole(&self, length: usize) -> bool {
        self.buffer[..length].last() == Some(&b'\n')
    }
}

/// The beginning of a file that is read seldom, which must not make the reader wait: not even a pipe.
pub(super) fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let mut text = Vec::new();
    file.take(BEGINNING).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

fn advice(path: &Path, source: &io::Error) -> &'static str {
    let pressure = path.components().any(|part| part.as_os_str() == "pressure");
    match source.kind() {
        io::ErrorKind::Unsupported | io::ErrorKind::NotFound if pressure => {
            "; pressure stall information is off or not compiled in: boot with psi=1 on the kernel command line"
        }
        io::ErrorKind::NotFound => "; is the proc root right (--proc-root, sample.proc_root)?",
        io::ErrorKind::PermissionDenied => "; run as a user who may read it",
        _ => "",
    }
}

/// /proc/meminfo has about 1.5 kB and /proc/vmstat 5 kB; 16 KiB spares them a second read.
const FIRST_BUFFER: usize = 16 * 1024;
/// A cgroup's memory.stat has some 2 kB.
const BEGINNING: u64 = 64 * 1024;
/// No file of the kernel's is nearly as long; a wrong path (a device, a log) must not fill the memory.
const MOST: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_again_and_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("meminfo");
        std::fs::write(&path, "one\n").unwrap();
        let mut file = ProcFile::open(folder.path(), "meminfo").unwrap();
        assert_eq!(file.read().unwrap(), b"one\n");
        let long = "x".repeat(3 * FIRST_BUFFER);
        std::fs::write(&path, &long).unwrap();
        assert_eq!(file.read().unwrap(), long.as_bytes());
    }

    #[test]
    fn what_never_ends_is_refused() {
        let mut file = ProcFile::open(Path::new("/dev"), "zero").unwrap();
        let error = file.read().err().unwrap().to_string();
        assert_eq!(error, "cannot read /dev/zero: file too large");
    }

    #[test]
    fn a_missing_file_is_named_with_advice() {
        let error = ProcFile::open(Path::new("/nonexistent"), "meminfo").err().unwrap();
        let text = error.to_string();
        assert!(text.contains("/nonexistent/meminfo") && text.contains("--proc-root"), "{text}");
    }
}
