//! What the firmware says: whether this is an EC2 instance, and on Nitro which one.
//!
//! AWS, "Detect whether a host is an EC2 instance"; board_asset_tag carries the instance's id.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The three files' content as it was read; a file that cannot be read says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dmi {
    pub sys_vendor: Option<String>,
    pub board_asset_tag: Option<String>,
    /// Xen only.
    pub hypervisor_uuid: Option<String>,
}

impl Dmi {
    pub fn read(sys_root: &Path) -> Dmi {
        Dmi {
            sys_vendor: read(&sys_root.join("devices/virtual/dmi/id/sys_vendor")),
            board_asset_tag: read(&sys_root.join("devices/virtual/dmi/id/board_asset_tag")),
            hypervisor_uuid: read(&sys_root.join("hypervisor/uuid")),
        }
    }

    pub fn is_ec2(&self) -> bool {
        let uuid = self.hypervisor_uuid.as_deref().and_then(|uuid| uuid.get(..3));
        self.sys_vendor.as_deref() == Some("Amazon EC2")
            || uuid.is_some_and(|start| start.eq_ignore_ascii_case("ec2"))
    }

    /// Told by Nitro instances; older ones have something else there.
    pub fn instance_id(&self) -> Option<&str> {
        self.board_asset_tag.as_deref().filter(|tag| is_instance_id(tag))
    }
}

/// `i-` and 8 (until 2016) or 17 hexadecimal digits.
pub fn is_instance_id(text: &str) -> bool {
    let digits = text.strip_prefix("i-").unwrap_or_default();
    (8..=17).contains(&digits.len())
        && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// sysfs gives at most a page.
const LONGEST: u64 = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn dmi(vendor: &str, tag: &str, uuid: &str) -> Dmi {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Dmi { sys_vendor: some(vendor), board_asset_tag: some(tag), hypervisor_uuid: some(uuid) }
    }

    #[test]
    fn ec2_is_told_by_its_vendor_or_on_xen_by_its_uuid() {
        for (host, expected) in [
            (dmi("Amazon EC2", "", ""), true),
            (dmi("Xen", "", "ec2e1916-9099-7caf-fd21-012345abcdef"), true),
            (dmi("Xen", "", "EC2E1916-9099-7CAF-FD21-012345ABCDEF"), true),
            (dmi("Xen", "", "4504e1916-9099-7caf-fd21-012345abcde"), false),
            (dmi("Amazon", "", ""), false),
            (dmi("QEMU", "", ""), false),
            (dmi("", "", "ec"), false),
            (dmi("", "", "äöü"), false),
            (Dmi::default(), false),
        ] {
            assert_eq!(host.is_ec2(), expected, "{host:?}");
        }
    }

    #[test]
    fn only_an_instance_id_is_one() {
        for (tag, expected) in [
            ("i-0123456789abcdef0", true),
            ("i-01234567", true),
            ("i-0123456", false),
            ("i-0123456789abcdef01", false),
            ("i-0123456789ABCDEF0", false),
            ("Not Specified", false),
            ("i-", false),
            ("", false),
        ] {
            assert_eq!(is_instance_id(tag), expected, "{tag:?}");
            assert_eq!(dmi("Amazon EC2", tag, "").instance_id().is_some(), expected, "{tag:?}");
        }
    }

    #[test]
    fn a_tree_is_read_and_a_missing_one_says_nothing() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("devices/virtual/dmi/id");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("sys_vendor"), "Amazon EC2\n").unwrap();
        std::fs::write(folder.join("board_asset_tag"), [0xff, 0xfe, b'\n']).unwrap();
        assert_eq!(Dmi::read(root.path()), dmi("Amazon EC2", "", ""));
        assert_eq!(Dmi::read(Path::new("/nonexistent")), Dmi::default());
    }
}
