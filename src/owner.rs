//! The owner of what is kept on disk: which host it was that wrote it.
//!
//! A baked image or a restored volume brings another host's files along; what stands in them must
//! not be sent as this host's.

use std::fmt;

/// A host by the names that tell it from all others, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    pub instance_id: Option<String>,
    /// machine-id(5).
    pub machine_id: Option<String>,
}

impl Owner {
    /// Reads the form that `Display` writes; what isn't there is not known.
    pub fn parse(text: &str) -> Owner {
        let text = text.trim();
        let (instance, machine) = match text.rfind(MACHINE) {
            Some(start) => (&text[..start], &text[start + MACHINE.len()..]),
            None => (text, ""),
        };
        let known = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        Owner { instance_id: known(instance), machine_id: known(machine) }
    }

    /// Whether both are one host. Where both name an instance, that decides: copies of one image
    /// may share a machine id. What can't be compared isn't the same.
    pub fn is_same(&self, other: &Owner) -> bool {
        match (&self.instance_id, &other.instance_id) {
            (Some(own), Some(theirs)) => own == theirs,
            _ => match (&self.machine_id, &other.machine_id) {
                (Some(own), Some(theirs)) => own == theirs,
                _ => self == other,
            },
        }
    }

    /// Whether it can't be told yet: `stored` names an instance and this host doesn't know its own.
    pub fn undecided(&self, stored: &Owner) -> bool {
        stored.instance_id.is_some() && self.instance_id.is_none()
    }
}

/// `i-0abc`, `machine-id:HEX`, or both with a space between them.
impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instance = self.instance_id.as_deref().unwrap_or_default();
        match &self.machine_id {
            None => write!(formatter, "{instance}"),
            Some(machine) if instance.is_empty() => write!(formatter, "{MACHINE}{machine}"),
            Some(machine) => write!(formatter, "{instance} {MACHINE}{machine}"),
        }
    }
}

const MACHINE: &str = "machine-id:";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn instances_decide_and_machines_where_one_is_not_known() {
        let same = |own: &str, stored: &str| Owner::parse(own).is_same(&Owner::parse(stored));
        for (own, stored, expected) in [
            ("i-1", "i-1", true),
            ("i-1", "i-2", false),
            ("i-1 machine-id:a", "i-2 machine-id:a", false),
            ("i-1 machine-id:a", "i-1 machine-id:b", true),
            ("i-1 machine-id:a", "machine-id:a", true),
            ("machine-id:a", "i-1 machine-id:a", true),
            ("machine-id:a", "i-1 machine-id:b", false),
            ("machine-id:a", "machine-id:b", false),
            ("machine-id:a", "i-1", false),
            ("machine-id:a", "", false),
            ("", "machine-id:a", false),
            ("", "", true),
        ] {
            assert_eq!(same(own, stored), expected, "{own:?} {stored:?}");
            assert_eq!(same(stored, own), expected, "{stored:?} {own:?}");
        }
    }

    #[test]
    fn an_instance_that_isnt_known_yet_leaves_it_open() {
        let undecided =
            |own: &str, stored: &str| Owner::parse(own).undecided(&Owner::parse(stored));
        assert!(undecided("machine-id:a", "i-1 machine-id:a"));
        assert!(undecided("", "i-1"));
        assert!(!undecided("i-1", "machine-id:a"));
        assert!(!undecided("machine-id:a", "machine-id:a"));
    }

    proptest! {
        #[test]
        fn its_text_is_read_back(instance in "(i-[0-9a-f]{0,17})?", machine in "([0-9a-f]{32})?") {
            let known = |text: String| (!text.is_empty()).then_some(text);
            let owner = Owner { instance_id: known(instance), machine_id: known(machine) };
            prop_assert_eq!(Owner::parse(&owner.to_string()), owner);
        }

        #[test]
        fn any_text_is_read(text in any::<String>()) {
            let owner = Owner::parse(&text);
            prop_assert!(owner.is_same(&owner));
        }
    }
}
