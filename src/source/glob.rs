//! Simple patterns over names: `*` stands for any characters, `?` for one; nothing else is special.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    pub fn new(text: &str) -> Glob {
        Glob(text.to_owned())
    }

    /// The one text that it stands for, where it has no `*` and no `?`.
    pub fn literal(&self) -> Option<&str> {
        (!self.0.contains(['*', '?'])).then_some(&self.0)
    }

    /// Whether it stands for all of `text`; `?` is one byte. Takes at most as many steps as the
    /// lengths' product, whatever the text.
    pub fn matches(&self, text: &[u8]) -> bool {
        let pattern = self.0.as_bytes();
        let (mut in_pattern, mut in_text) = (0, 0);
        // Behind the last star, and where in the text what it swallows ends.
        let mut star = None;
        while in_text < text.len() {
            match pattern.get(in_pattern) {
                Some(b'*') => {
                    in_pattern += 1;
                    star = Some((in_pattern, in_text));
                }
                Some(&byte) if byte == b'?' || byte == text[in_text] => {
                    in_pattern += 1;
                    in_text += 1;
                }
                _ => {
                    let Some((behind, swallowed)) = star else { return false };
                    (in_pattern, in_text) = (behind, swallowed + 1);
                    star = Some((behind, swallowed + 1));
                }
            }
        }
        pattern[in_pattern..].iter().all(|&byte| byte == b'*')
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("mysqld", "mysqld", true),
            ("mysqld", "mysqld2", false),
            ("*", "", true),
            ("*.service", "nginx.service", true),
            ("*.service", "nginx.services", false),
            ("php-fpm*.service", "php-fpm8.2.service", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*ab", "aab", true),
            ("a**", "a", true),
            ("[a]", "a", false),
            ("[a]", "[a]", true),
        ] {
            assert_eq!(Glob::new(pattern).matches(text.as_bytes()), expected, "{pattern} {text}");
        }
        assert_eq!(Glob::new("a.b").literal(), Some("a.b"));
        assert_eq!(Glob::new("a*").literal(), None);
    }

    /// By trying everything.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|end| naive(rest, &text[end..])),
            Some((&byte, rest)) => text.split_first().is_some_and(|(&first, behind)| {
                (byte == b'?' || byte == first) && naive(rest, behind)
            }),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_trying_everything(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
            let expected = naive(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(Glob::new(&pattern).matches(text.as_bytes()), expected);
        }
    }
}
