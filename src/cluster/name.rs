//! Names of locks, in the one form that all servers take alike.
//!
//! MySQL takes 64 characters and folds their case, MariaDB 192 bytes and doesn't; MySQL refuses an
//! empty name, for MariaDB it is NULL. Here a name is 1 to 64 bytes of lower-case ASCII; of a longer
//! one a hash keeps the tail.

use std::fmt;

/// A name that every server understands as the same lock.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockName(String);

/// Why a text names no lock.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("expected a lock's name, found an empty text")]
    Empty,
    #[error(
        "expected a lock's name of printable ASCII characters, found {found:?}: servers disagree about others"
    )]
    Character { found: char },
    #[error(
        "expected at most {LONGEST} characters of a name that is used as it is (--raw), found {length}"
    )]
    TooLong { length: usize },
}

impl LockName {
    /// The leader's, of a cluster: locks are the server's, tables are their schema's.
    pub fn leader(schema: &str, cluster: &str) -> LockName {
        LockName(shortened(&format!("{LEADER}{schema}/{cluster}").to_ascii_lowercase()))
    }

    /// That of `cwmem lock NAME`.
    pub fn command(name: &str) -> Result<LockName, NameError> {
        check(name)?;
        Ok(LockName(shortened(&format!("{COMMAND}{name}").to_ascii_lowercase())))
    }

    /// The name as other programs have it that use GET_LOCK on the same server. MySQL folds its case
    /// by itself; MariaDB doesn't, so that it isn't folded here.
    pub fn raw(name: &str) -> Result<LockName, NameError> {
        check(name)?;
        match name.len() {
            0..=LONGEST => Ok(LockName(name.to_owned())),
            length => Err(NameError::TooLong { length }),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LockName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn check(name: &str) -> Result<(), NameError> {
    let other = |character: &char| !(' '..='~').contains(character);
    match name.chars().find(other) {
        Some(found) => Err(NameError::Character { found }),
        None if name.is_empty() => Err(NameError::Empty),
        None => Ok(()),
    }
}

/// A schema's name may hold other characters than ASCII: then the hash stands for them.
fn shortened(name: &str) -> String {
    if name.len() <= LONGEST && name.is_ascii() {
        return name.to_owned();
    }
    let head: String = name.chars().filter(char::is_ascii).take(LONGEST - HASH).collect();
    format!("{head}#{:016x}", hash(name.as_bytes()))
}

/// FNV-1a, 64 bits: the same in every version of this program.
fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// MySQL's limit, "Locking Functions".
const LONGEST: usize = 64;
/// `#` and 16 digits.
const HASH: usize = 17;
const LEADER: &str = "cwmem:leader:";
const COMMAND: &str = "cwmem:lock:";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_say_what_they_are_for() {
        assert_eq!(LockName::leader("Ops", "web").as_str(), "cwmem:leader:ops/web");
        assert_eq!(
            LockName::command("Nightly Backup").unwrap().as_str(),
            "cwmem:lock:nightly backup"
        );
        assert_eq!(LockName::raw("Nightly").unwrap().as_str(), "Nightly");
    }

    #[test]
    fn what_servers_disagree_about_is_refused() {
        assert_eq!(LockName::command(""), Err(NameError::Empty));
        for bad in ['\n', '\0', 'é', '🔒', '\u{7f}'] {
            let name = format!("a{bad}");
            assert_eq!(LockName::command(&name), Err(NameError::Character { found: bad }));
            assert_eq!(LockName::raw(&name), Err(NameError::Character { found: bad }));
        }
        assert_eq!(LockName::raw(&"x".repeat(65)), Err(NameError::TooLong { length: 65 }));
        assert_eq!(LockName::raw(&"x".repeat(64)).unwrap().as_str().len(), 64);
    }

    proptest! {
        #[test]
        fn every_name_fits_and_stays_itself(one in "[ -~]{1,200}", other in "[ -~]{1,200}", schema in "\\PC{0,80}") {
            let name = |text: &str| LockName::command(text).unwrap();
            prop_assert!(name(&one).as_str().len() <= 64);
            prop_assert_eq!(name(&one), name(&one.to_ascii_uppercase()));
            let same = one.eq_ignore_ascii_case(&other);
            prop_assert_eq!(name(&one) == name(&other), same);
            let leader = LockName::leader(&schema, "web");
            prop_assert!(leader.as_str().len() <= 64 && leader.as_str().is_ascii());
        }
    }
}
