//! Keeps what may be a password out of everything that is printed.

/// `text` without what stands before its last `@`, except a URL's scheme: `http://***@host`.
///
/// Safe for any text, also for one that isn't quite a URL: too much is hidden rather than too
/// little.
pub fn redacted(text: &str) -> String {
    let Some((before, host)) = text.rsplit_once('@') else {
        return text.to_owned();
    };
    match before.split_once("://") {
        Some((scheme, _)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            format!("{scheme}://***@{host}")
        }
        _ => format!("***@{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scheme_and_host_are_left() {
        assert_eq!(redacted("http://proxy:3128"), "http://proxy:3128");
        assert_eq!(redacted("http://user:secret@proxy:3128"), "http://***@proxy:3128");
        assert_eq!(redacted("http://user:sec@ret@proxy"), "http://***@proxy");
        assert_eq!(redacted("http:/user:secret@proxy"), "***@proxy");
        assert_eq!(redacted("se cret://x@proxy"), "***@proxy");
    }
}
