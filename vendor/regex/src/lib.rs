//! Stands in for the `regex` crate, on `regex-lite`, which the AWS SDK brings along anyway.
//!
//! mysql_common tells a server's version, a PEM's body and a time of day by ten short ASCII
//! patterns and asks for the whole of `regex` to do so: a megabyte of the binary, most of it
//! Unicode's tables. Whatever else of `regex` a dependency may come to use is missing here and
//! doesn't compile.

/// Of text; criterion picks benches by it.
pub use regex_lite::{Error, Regex};

pub mod bytes {
    //! Of bytes, which may be text or not.

    use std::ops::Range;

    /// A pattern of ASCII characters, in which a class or a dot takes one byte.
    #[derive(Debug, Clone)]
    pub struct Regex(regex_lite::Regex);

    impl Regex {
        pub fn new(pattern: &str) -> Result<Regex, super::Error> {
            regex_lite::Regex::new(pattern).map(Regex)
        }

        pub fn is_match(&self, haystack: &[u8]) -> bool {
            self.0.is_match(&ascii(haystack))
        }

        pub fn captures<'h>(&self, haystack: &'h [u8]) -> Option<Captures<'h>> {
            let text = ascii(haystack);
            let found = self.0.captures(&text)?;
            let groups = found.iter().map(|group| group.map(|group| group.range())).collect();
            Some(Captures { haystack, groups })
        }
    }

    /// What the groups of a pattern matched; group 0 is the whole of it.
    #[derive(Debug)]
    pub struct Captures<'h> {
        haystack: &'h [u8],
        groups: Vec<Option<Range<usize>>>,
    }

    impl<'h> Captures<'h> {
        pub fn get(&self, group: usize) -> Option<Match<'h>> {
            let range = self.groups.get(group)?.clone()?;
            self.haystack.get(range).map(Match)
        }
    }

    #[derive(Debug, Clone, Copy)]
    pub struct Match<'h>(&'h [u8]);

    impl<'h> Match<'h> {
        pub fn as_bytes(&self) -> &'h [u8] {
            self.0
        }
    }

    /// Byte for byte, so that places are the same in both; what isn't ASCII becomes a character
    /// that no pattern names.
    fn ascii(haystack: &[u8]) -> String {
        haystack
            .iter()
            .map(|byte| if byte.is_ascii() { char::from(*byte) } else { DELETE })
            .collect()
    }

    const DELETE: char = '\u{7f}';
}
