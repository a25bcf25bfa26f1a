//! Whether this process is in a container, and what /proc/meminfo shows there.
//!
//! A cgroup namespace that isn't the host's, whose inode the kernel fixes (PROC_CGROUP_INIT_INO,
//! include/linux/proc_ns.h), or a root file system of layers (overlay) is a container's. There
//! /proc/meminfo shows the whole host, unless something of the container's own is mounted over it
//! (LXCFS).

use crate::source::proc_file::beginning;
use std::fs;
use std::path::Path;

/// Why it is taken for a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// The group that the container is appears as the root: `/`.
    Namespace,
    /// Its root is made of layers; its groups appear as on the host.
    Layers,
}

impl Container {
    /// Looks at this process's own files below `proc_root`. `None`: no container, or one that is
    /// shown its own memory.
    pub fn find(proc_root: &Path) -> Option<Container> {
        let own = proc_root.join("self");
        let mounts = beginning(&own.join("mountinfo")).unwrap_or_default();
        let mounts = String::from_utf8_lossy(&mounts);
        if has_mount(&mounts, "/proc/meminfo", None) {
            return None;
        }
        let namespace = fs::read_link(own.join("ns/cgroup"));
        if namespace.is_ok_and(|link| link.as_os_str() != HOSTS) {
            return Some(Container::Namespace);
        }
        has_mount(&mounts, "/", Some("overlay")).then_some(Container::Layers)
    }

    /// For people: how it shows.
    pub const fn words(self) -> &'static str {
        match self {
            Container::Namespace => "a cgroup namespace of its own",
            Container::Layers => "a root file system of layers",
        }
    }
}

/// proc_pid_mountinfo(5): the fifth field is the mount point, the first behind the `-` the type.
fn has_mount(mounts: &str, point: &str, kind: Option<&str>) -> bool {
    mounts.lines().any(|line| {
        let (before, behind) = line.split_once(" - ").unwrap_or((line, ""));
        let fits = kind.is_none_or(|kind| behind.split(' ').next() == Some(kind));
        before.split(' ').nth(4) == Some(point) && fits
    })
}

const HOSTS: &str = "cgroup:[4026531835]";

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn found(mounts: &str, namespace: &str) -> Option<Container> {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("self/ns")).unwrap();
        fs::write(root.path().join("self/mountinfo"), mounts).unwrap();
        if !namespace.is_empty() {
            symlink(namespace, root.path().join("self/ns/cgroup")).unwrap();
        }
        Container::find(root.path())
    }

    #[test]
    fn containers_and_hosts() {
        let host =
            "27 1 259:1 / / rw,noatime - ext4 /dev/root rw\n22 27 0:21 / /proc rw - proc proc rw\n";
        let layers = "1 0 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/a\n22 1 0:21 / /proc rw - proc proc rw\n";
        let lxcfs = "30 22 0:60 /proc/meminfo /proc/meminfo rw - fuse.lxcfs lxcfs rw\n";
        let (own, other) = ("cgroup:[4026531835]", "cgroup:[4026532287]");
        assert_eq!(found(host, own), None);
        assert_eq!(found(host, ""), None, "before Linux 4.6");
        assert_eq!(found("", ""), None);
        assert_eq!(found(host, other), Some(Container::Namespace));
        assert_eq!(found(layers, other), Some(Container::Namespace));
        assert_eq!(found(layers, own), Some(Container::Layers));
        assert_eq!(found(&format!("{layers}{lxcfs}"), other), None);
        let data = "40 27 0:51 / /var/lib/docker/x rw - overlay overlay rw\n";
        assert_eq!(found(&format!("{host}{data}"), own), None, "the layers are another's root");
    }
}
