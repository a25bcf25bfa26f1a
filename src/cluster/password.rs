//! The file that holds the database's password. It is read for each connection, so that a password
//! that was changed, or a file that wasn't there yet, needs no restart.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

#[derive(Debug, Clone)]
pub struct PasswordFile {
    path: PathBuf,
    /// Where there is no such file, there is no password.
    optional: bool,
    /// A file that gives no answer, as on a network that is down, holds one thread and not one more
    /// for each connection that is tried.
    alone: Arc<Mutex<()>>,
}

/// What to check; never what is in the file.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the database's password from {}: {source}; check which file password_file names, and who may read it", path.display())]
pub struct PasswordError {
    path: PathBuf,
    source: io::Error,
}

impl PasswordFile {
    pub fn named(path: PathBuf) -> PasswordFile {
        PasswordFile { path, optional: false, alone: Arc::default() }
    }

    /// A file that needn't be there.
    pub fn if_there(path: PathBuf) -> PasswordFile {
        PasswordFile { optional: true, ..PasswordFile::named(path) }
    }

    /// What it holds now, without the line's end. The runtime's thread doesn't wait for the file.
    pub async fn read(&self) -> Result<Option<String>, PasswordError> {
        let alone = self.alone.clone().lock_owned().await;
        let (path, optional) = (self.path.clone(), self.optional);
        let reading = spawn_blocking(move || {
            let _alone = alone;
            match text(&path) {
                Ok(text) => Ok(Some(text)),
                Err(error) if optional && error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        });
        let read = reading.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        read.map_err(|source| PasswordError { path: self.path.clone(), source })
    }
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        let what = format!("expected one password, found more than {LONGEST} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(text)
}

/// Far above any password, and above the tokens that stand in for one.
const LONGEST: u64 = 16 * 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &PasswordFile) -> Result<Option<String>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(file.read()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_it_holds_now_is_what_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let (named, if_there) =
            (PasswordFile::named(path.clone()), PasswordFile::if_there(path.clone()));
        let missing = read(&named).unwrap_err();
        assert!(missing.contains(path.to_str().unwrap()), "{missing}");
        assert!(missing.contains("No such file") && missing.contains("password_file"), "{missing}");
        assert_eq!(read(&if_there), Ok(None));
        for (text, expected) in [
            ("first\n", "first"),
            ("second\r\n", "second"),
            ("with spaces \n\n", "with spaces "),
            ("", ""),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read(&named), Ok(Some(expected.to_owned())));
            assert_eq!(read(&if_there), Ok(Some(expected.to_owned())));
        }
        for bad in [vec![b'x'; 20_000], b"hunter2\xff".to_vec()] {
            std::fs::write(&path, bad).unwrap();
            let said = read(&if_there).unwrap_err();
            assert!(!said.contains("hunter2") && !said.contains("xxx"), "{said}");
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(read(&named).unwrap_err().contains("directory"));
    }

    #[test]
    fn a_file_that_says_nothing_holds_one_thread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let file = PasswordFile::named(path.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
        runtime.block_on(async {
            let soon = std::time::Duration::from_millis(50);
            assert!(tokio::time::timeout(soon, file.read()).await.is_err());
            let before = threads();
            for _ in 0..20 {
                assert!(tokio::time::timeout(soon / 25, file.read()).await.is_err());
            }
            // Other tests of this process come and go beside it.
            assert!(threads() < before + 15, "{before}, then {}", threads());
        });
        // Lets the reader go: a runtime waits for its threads.
        std::fs::write(&path, "there\n").unwrap();
    }
}
