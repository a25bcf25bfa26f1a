//! `/sys/devices/system/node`: how much of each NUMA node's memory is to be had
//! (Documentation/ABI/stable/sysfs-devices-node).

use crate::source::meminfo::{number_of, shown};
use crate::source::proc_file::beginning;
use crate::units::Bytes;
use std::fs;
use std::path::Path;

/// What one node's meminfo says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Node {
    pub total: Bytes,
    pub free: Bytes,
    pub inactive_file: Bytes,
    pub reclaimable_slab: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("line {number}: expected `Node <n> <field>: <count> kB`, found {text:?}")]
    Line { number: usize, text: String },
    #[error("no line `Node <n> {0}:`")]
    Missing(&'static str),
}

/// The available share of the node that has the least, in percent; `None` where no node tells it.
pub fn least_available_percent(sys_root: &Path) -> Option<f64> {
    let nodes = fs::read_dir(sys_root.join("devices/system/node")).ok()?;
    let percents = nodes.flatten().filter_map(|entry| {
        let name = entry.file_name();
        number_of(name.as_encoded_bytes().strip_prefix(b"node")?)?;
        let node = parse(&beginning(&entry.path().join("meminfo")).ok()?).ok()?;
        node.available_percent(huge_pages(&entry.path().join("hugepages")))
    });
    percents.min_by(f64::total_cmp)
}

impl Node {
    /// 100·(MemFree + Inactive(file) + SReclaimable)/(MemTotal − huge pages); nothing for a node
    /// without memory. Files in use are held to be needed.
    pub fn available_percent(&self, huge: Bytes) -> Option<f64> {
        let usable = self.total.0.checked_sub(huge.0).filter(|usable| *usable > 0)?;
        let available =
            self.free.as_f64() + self.inactive_file.as_f64() + self.reclaimable_slab.as_f64();
        Some((100.0 * available / usable as f64).clamp(0.0, 100.0))
    }
}

pub fn parse(text: &[u8]) -> Result<Node, ParseError> {
    let [mut total, mut free, mut inactive_file, mut slab] = [None; 4];
    for (place, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let error = || ParseError::Line { number: place + 1, text: shown(line) };
        if line.is_empty() {
            continue;
        }
        let field = line.splitn(3, |&byte| byte == b' ').nth(2).ok_or_else(error)?;
        let end = memchr::memchr(b':', field).ok_or_else(error)?;
        let slot = match &field[..end] {
            b"MemTotal" => &mut total,
            b"MemFree" => &mut free,
            b"Inactive(file)" => &mut inactive_file,
            b"SReclaimable" => &mut slab,
            _ => continue,
        };
        let kib = field[end + 1..].strip_suffix(b" kB").map(<[u8]>::trim_ascii);
        let bytes = kib.and_then(number_of).and_then(Bytes::from_kib).ok_or_else(error)?;
        if slot.replace(bytes).is_some() {
            return Err(error());
        }
    }
    Ok(Node {
        total: total.ok_or(ParseError::Missing("MemTotal"))?,
        free: free.ok_or(ParseError::Missing("MemFree"))?,
        inactive_file: inactive_file.ok_or(ParseError::Missing("Inactive(file)"))?,
        reclaimable_slab: slab.ok_or(ParseError::Missing("SReclaimable"))?,
    })
}

/// The node's pools of huge pages, of all sizes: `hugepages-2048kB/nr_hugepages`.
fn huge_pages(folder: &Path) -> Bytes {
    let Ok(sizes) = fs::read_dir(folder) else { return Bytes(0) };
    let pools = sizes.flatten().filter_map(|entry| {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        let size = number_of(name.strip_prefix(b"hugepages-")?.strip_suffix(b"kB")?)?;
        let count = beginning(&entry.path().join("nr_hugepages")).ok()?;
        number_of(count.trim_ascii())?.checked_mul(size)?.checked_mul(1_024)
    });
    Bytes(pools.fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Of a virtual machine with Linux 6.18, shortened.
    const NODE: &str = "Node 0 MemTotal:       24683656 kB\nNode 0 MemFree:         1748204 kB\n\
                        Node 0 Inactive(anon):  1517280 kB\nNode 0 Inactive(file): 15694336 kB\n\
                        Node 0 SReclaimable:    1204400 kB\nNode 0 HugePages_Total:     0\n";

    #[test]
    fn a_node() {
        let node = parse(NODE.as_bytes()).unwrap();
        assert_eq!(node.total, Bytes(24_683_656 * 1_024));
        let percent = node.available_percent(Bytes(0)).unwrap();
        assert!((percent - 100.0 * 18_646_940.0 / 24_683_656.0).abs() < 1e-9, "{percent}");
        assert!(node.available_percent(Bytes(12_000_000 * 1_024)).unwrap() > percent);
        assert_eq!(node.available_percent(node.total), None);
        assert_eq!(node.available_percent(Bytes(u64::MAX)), None);
        assert_eq!(Node::default().available_percent(Bytes(0)), None);
        for text in [
            "",
            "Node 0 MemTotal: x kB\n",
            "MemTotal: 1 kB\n",
            &NODE.replace("MemFree", "Free"),
            &NODE.repeat(2),
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn the_least_of_all_nodes() {
        let root = tempfile::tempdir().unwrap();
        let node = |name: &str, free: u64, huge: u64| {
            let folder = root.path().join("devices/system/node").join(name);
            fs::create_dir_all(folder.join("hugepages/hugepages-2048kB")).unwrap();
            fs::write(folder.join("hugepages/hugepages-2048kB/nr_hugepages"), format!("{huge}\n"))
                .unwrap();
            let text = format!(
                "Node 1 MemTotal: 100000 kB\nNode 1 MemFree: {free} kB\nNode 1 Inactive(file): 0 kB\nNode 1 SReclaimable: 0 kB\n"
            );
            fs::write(folder.join("meminfo"), text).unwrap();
        };
        assert_eq!(least_available_percent(root.path()), None);
        node("node0", 50_000, 0);
        node("node1", 29_520, 20);
        node("node-x", 0, 0);
        assert_eq!(least_available_percent(root.path()), Some(50.0));
        node("node2", 10_000, 0);
        assert_eq!(least_available_percent(root.path()), Some(10.0));
    }

    proptest! {
        #[test]
        fn never_panics(text in "(Node [0-9] (MemTotal|MemFree|x): *[0-9]{0,20} ?k?B?\n?){0,5}|.{0,80}") {
            let _ = parse(text.as_bytes());
        }
    }
}
