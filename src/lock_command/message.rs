//! What keeper and supervisor tell each other over their socket, in frames of a fixed length; pure.

use crate::clock::Boottime;

/// What the supervisor tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The command runs, as this process.
    Started(i32),
    /// It can't be run: the error's number, 0 where there is none.
    Failed(i32),
    /// It has ended, with this exit status as a shell gives it.
    Ended(u8),
    /// It has ended, and nothing else is left of its process group.
    Empty,
    /// The supervisor itself is gone.
    Gone,
}

/// Frames are written and read whole: the kernel keeps what was written at once together.
pub const TOLD: usize = 5;
pub const LEASE: usize = 8;

impl Told {
    pub fn to_bytes(self) -> [u8; TOLD] {
        let (tag, number) = match self {
            Told::Started(process) => (b'S', process),
            Told::Failed(error) => (b'F', error),
            Told::Ended(status) => (b'X', status.into()),
            Told::Empty => (b'E', 0),
            Told::Gone => (b'G', 0),
        };
        let [a, b, c, d] = number.to_le_bytes();
        [tag, a, b, c, d]
    }

    /// Anything that isn't a frame is taken for the end.
    pub fn from_bytes(bytes: &[u8]) -> Told {
        let &[tag, a, b, c, d] = bytes else { return Told::Gone };
        let number = i32::from_le_bytes([a, b, c, d]);
        match tag {
            b'S' => Told::Started(number),
            b'F' => Told::Failed(number),
            b'X' => u8::try_from(number).map_or(Told::Gone, Told::Ended),
            b'E' => Told::Empty,
            _ => Told::Gone,
        }
    }
}

/// The first lease starts the command, each later one extends the time that it has.
pub fn lease_to_bytes(until: Boottime) -> [u8; LEASE] {
    until.0.to_le_bytes()
}

/// `None`: the keeper is gone.
pub fn lease_from_bytes(bytes: &[u8]) -> Option<Boottime> {
    Some(Boottime(u64::from_le_bytes(bytes.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_told() -> impl Strategy<Value = Told> {
        prop_oneof![
            any::<i32>().prop_map(Told::Started),
            any::<i32>().prop_map(Told::Failed),
            any::<u8>().prop_map(Told::Ended),
            Just(Told::Empty),
            Just(Told::Gone),
        ]
    }

    proptest! {
        #[test]
        fn what_is_told_is_understood(told in any_told(), until in any::<u64>()) {
            prop_assert_eq!(Told::from_bytes(&told.to_bytes()), told);
            let until = Boottime(until);
            prop_assert_eq!(lease_from_bytes(&lease_to_bytes(until)), Some(until));
        }

        #[test]
        fn anything_else_is_the_end(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            if bytes.len() != TOLD {
                prop_assert_eq!(Told::from_bytes(&bytes), Told::Gone);
            }
            prop_assert_eq!(lease_from_bytes(&bytes).is_some(), bytes.len() == LEASE);
        }
    }
}
