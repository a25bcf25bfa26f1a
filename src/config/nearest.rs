//! The known name that was probably meant.

/// The name of `known` that is most like `wanted`, if one is like it at all; case doesn't count.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if wanted.len() > LONGEST {
        return None;
    }
    let wanted = wanted.to_ascii_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wanted, &name.to_ascii_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= LIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

/// Below it, suggestions for the project's own names begin to be wild guesses.
const LIKE: f64 = 0.85;
/// In bytes: the likeness of long texts is dear, and none of them is a slip of the pen.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric;

    #[test]
    fn slips_are_recognized_and_guesses_are_not_made() {
        let metrics = || metric::NATIVE.iter().map(|metric| metric.name.as_ref());
        assert_eq!(nearest("MemoryUsedPercnt", metrics()), Some("MemoryUsedPercent"));
        assert_eq!(nearest("memoryusedpercent", metrics()), Some("MemoryUsedPercent"));
        assert_eq!(nearest("OOMKills", metrics()), Some("OomKills"));
        assert_eq!(nearest("Disk", metrics()), None);
        assert_eq!(nearest("", metrics()), None);
        assert_eq!(nearest("intervall", ["interval", "pressure_interval"]), Some("interval"));
        assert_eq!(nearest("period", ["profile", "proxy", "host"]), None);
    }
}
