//! A host's fixed place in the publishing interval, so that thousands don't speak at once.

use crate::dimension::DimensionName;
use crate::identity::Identity;
use std::path::Path;

/// What the place is computed from: the InstanceId where DMI or the configuration tells it at once,
/// else the machine id (`machine_id` is its file, /etc/machine-id), else the host's name.
pub fn stable_key(identity: &Identity, machine_id: &Path) -> String {
    if let Some(id) = identity.instance_id_at_once() {
        return id.to_owned();
    }
    let host = || identity.known(&DimensionName::Host).unwrap_or_default().to_owned();
    self::machine_id(machine_id).unwrap_or_else(host)
}

/// The machine id that stands in `file`, if it is one.
pub fn machine_id(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let id = text.trim();
    let fine = id.len() == MACHINE_ID && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    fine.then(|| id.to_owned())
}

/// Where in [0, 1) `key` stands: the same for ever, and even over keys that follow each other.
pub fn offset_fraction(key: &str) -> f64 {
    let hash =
        key.bytes().fold(FNV_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
    // A double's 53 bits.
    (mixed(hash) >> 11) as f64 / (1u64 << 53) as f64
}

/// MurmurHash3's finalizer: FNV alone leaves the high bits of sequential keys close together.
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// FNV-1a, 64 bits.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
/// machine-id(5): 32 hexadecimal digits.
const MACHINE_ID: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::fixture::{Given, document, nitro, xen};

    /// Computed with another program.
    #[test]
    fn places_are_the_same_for_ever() {
        for (key, expected) in [
            ("", 0.936_769_448_390_44),
            ("i-0123456789abcdef0", 0.508_231_266_420_224_5),
            ("i-0123456789abcdef1", 0.814_663_612_186_523_2),
            ("0123456789abcdef0123456789abcdef", 0.151_689_606_146_761_64),
            ("web-1", 0.774_963_011_057_576_5),
        ] {
            assert_eq!(offset_fraction(key), expected, "{key}");
        }
    }

    #[test]
    fn the_key_is_what_tells_hosts_apart_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("machine-id");
        let given = Given::default();
        assert_eq!(stable_key(&given.on(&nitro()), &file), "i-0123456789abcdef0");
        assert_eq!(stable_key(&given.on(&xen()), &file), "ip-10-0-0-10");
        std::fs::write(&file, "uninitialized\n").unwrap();
        assert_eq!(stable_key(&given.on(&xen()), &file), "ip-10-0-0-10");
        std::fs::write(&file, "0123456789abcdef0123456789abcdef\n").unwrap();
        let mut identity = given.on(&xen());
        // What IMDS tells later doesn't move the host's place.
        identity.learn_document(&document());
        assert_eq!(stable_key(&identity, &file), "0123456789abcdef0123456789abcdef");
        assert_eq!(stable_key(&given.on(&nitro()), &file), "i-0123456789abcdef0");
    }

    /// 5,000 hosts in a hundred slots: fifty each, give or take; chi-squared with 99 degrees of
    /// freedom stays under 149 in 999 cases of 1,000.
    #[test]
    fn sequential_ids_spread_evenly() {
        for (name, first) in [("i-0a1b2c3d4e5f", 0x0_0000), ("i-", 0x0123_4567), ("web-", 1)] {
            let mut slots = [0u32; 100];
            for number in first..first + 5_000u64 {
                let fraction = offset_fraction(&format!("{name}{number:05x}"));
                assert!((0.0..1.0).contains(&fraction));
                slots[(fraction * 100.0) as usize] += 1;
            }
            let squares: f64 =
                slots.iter().map(|&count| (f64::from(count) - 50.0).powi(2) / 50.0).sum();
            assert!(squares < 149.0, "{name}: {squares}");
        }
    }
}
