//! A time as tools write it.

use crate::clock::Timestamp;

/// Seconds since the epoch: of RFC 3339 with any offset, of the same with a blank for its `T`,
/// slashes for its dashes or without seconds or zone (then UTC), or of a number of seconds.
pub fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if number {
        let seconds: f64 = text.parse().ok()?;
        return (seconds < MOST as f64).then_some(seconds as i64);
    }
    // Only ASCII: what follows cuts it by bytes.
    let text = text.is_ascii().then(|| text.replace('/', "-"))?;
    let (date, zone) = text.split_at_checked("2026-11-23".len())?;
    let (time, offset) = match zone.find(['Z', 'z', '+', '-']) {
        Some(place) => (zone.get(..place)?, seconds_east(zone.get(place..)?)?),
        None => (zone, 0),
    };
    let seconds = if time.matches(':').count() == 1 { ":00" } else { "" };
    let instant = humantime::parse_rfc3339_weak(&format!("{date}{time}{seconds}")).ok()?;
    Some(Timestamp::from_system_time(instant).seconds() - offset)
}

/// "Z", "+01:00", "-0530".
fn seconds_east(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, digits) = zone.split_at_checked(1)?;
    let digits = digits.replacen(':', "", 1);
    let plain = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = digits.parse().ok().filter(|_| plain)?;
    let (hours, minutes) = (number / 100, number % 100);
    let seconds = hours * 3_600 + minutes * 60;
    let seconds = (hours < 24 && minutes < 60).then_some(seconds)?;
    Some(if sign == "-" { -seconds } else { seconds })
}

/// The last second of the year 9999.
const MOST: i64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_it() {
        for text in [
            "2026-11-23T14:00:00Z",
            "2026-11-23T14:00:00+00:00",
            "2026-11-23T15:30:00+01:30",
            "2026-11-23T09:00:00-0500",
            "2026-11-23 14:00:00",
            "2026-11-23 14:00",
            "2026/11/23 14:00:00",
            "2026-11-23T14:00:00.25Z",
            " 1795442400 ",
            "1795442400.5",
        ] {
            assert_eq!(parse(text), Some(1_795_442_400), "{text}");
        }
        for text in [
            "",
            "14:00",
            "2026-11-23",
            "2026-13-23T14:00:00Z",
            "2026-11-23T14:00:00+25:00",
            "2026-11-23T14:00:00+1",
            "2026-11-23T14:00:00−01:00",
            "999999999999999999999",
            "1.2.3",
            "ten",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
