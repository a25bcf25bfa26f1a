//! Groups written by the test, of both versions.

use super::*;
use std::fs;
use tempfile::TempDir;

/// Files below `fs/cgroup`, as `path: content`.
fn tree(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = root.path().join("fs/cgroup").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    root
}

fn usage(root: &TempDir, name: &str) -> Option<Usage> {
    let hierarchy = Hierarchy::find(root.path()).unwrap();
    Reader::new(&hierarchy).read(name).map(|usage| Usage { inode: 0, ..usage })
}

const PRESSURE: &str = "some avg10=0.00 avg60=0.00 avg300=0.00 total=77\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=5\n";

#[test]
fn version_two_with_limits_up_the_tree() {
    let root = tree(&[
        ("cgroup.controllers", "cpu memory\n"),
        ("a/memory.max", "max\n"),
        ("a/memory.high", "1000\n"),
        ("a/b/memory.max", "2000\n"),
        ("a/b/memory.high", "max\n"),
        ("a/b/memory.current", "900\n"),
        ("a/b/memory.stat", "anon 1\nfile 2\ninactive_file 300\nactive_file 4\n"),
        ("a/b/memory.pressure", PRESSURE),
        ("a/b/memory.events", "low 0\noom 4\noom_kill 3\noom_group_kill 0\n"),
        ("c/memory.current", "10\n"),
        ("c/memory.stat", "inactive_file 30\n"),
    ]);
    let expected = Usage {
        inode: 0,
        used: Some(600),
        limit: Limit::Bytes(1_000),
        stalled: Some(77),
        kills: Some(3),
    };
    assert_eq!(usage(&root, "a/b"), Some(expected));
    let bare =
        Usage { used: Some(0), limit: Limit::Unlimited, stalled: None, kills: None, inode: 0 };
    assert_eq!(usage(&root, "c"), Some(bare));
    assert_eq!(usage(&root, "a/absent"), None);
    let of_root = usage(&root, "/").unwrap();
    assert_eq!((of_root.used, of_root.limit), (None, Limit::Unlimited));
    // Read for one, the limits up the tree serve the next.
    let hierarchy = Hierarchy::find(root.path()).unwrap();
    let mut reader = Reader::new(&hierarchy);
    assert_eq!(reader.read("a/b").unwrap().limit, Limit::Bytes(1_000));
    fs::write(root.path().join("fs/cgroup/a/memory.high"), "1\n").unwrap();
    assert_eq!(reader.read("a/b").unwrap().limit, Limit::Bytes(1_000));
    assert_eq!(Reader::new(&hierarchy).read("a/b").unwrap().limit, Limit::Bytes(1));
}

#[test]
fn version_one() {
    let root = tree(&[
        ("memory/svc/memory.usage_in_bytes", "5000\n"),
        (
            "memory/svc/memory.stat",
            "inactive_file 1\nhierarchical_memory_limit 8000\ntotal_inactive_file 1000\n",
        ),
        ("memory/svc/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
        ("memory/free/memory.usage_in_bytes", "5000\n"),
        ("memory/free/memory.stat", "hierarchical_memory_limit 9223372036854771712\n"),
        ("unified/cgroup.controllers", "hugetlb\n"),
    ]);
    assert_eq!(Hierarchy::find(root.path()).unwrap().version, Version::One);
    let expected = Usage {
        inode: 0,
        used: Some(4_000),
        limit: Limit::Bytes(8_000),
        stalled: None,
        kills: Some(2),
    };
    assert_eq!(usage(&root, "svc"), Some(expected));
    let free = usage(&root, "free").unwrap();
    assert_eq!((free.used, free.limit, free.kills), (None, Limit::Unlimited, None));
}

#[test]
fn hostile_files_leave_their_value_absent() {
    let long = "x".repeat(1 << 20);
    let root = tree(&[
        ("cgroup.controllers", ""),
        ("a/memory.current", "-5\n"),
        ("a/memory.stat", &long),
        ("a/memory.max", "lots\n"),
        ("a/memory.events", "oom_kill 99999999999999999999\n"),
        ("a/memory.pressure", "some total=\n"),
        ("b/memory.max", "10\n"),
        ("b/memory.current/folder", ""),
        ("file", "no group"),
    ]);
    let nothing = Usage { inode: 0, used: None, limit: Limit::Unknown, stalled: None, kills: None };
    assert_eq!(usage(&root, "a"), Some(nothing));
    assert_eq!(usage(&root, "b").unwrap().limit, Limit::Bytes(10));
    assert_eq!(usage(&root, "file"), None);
    // A pipe that nobody writes to must not make the reader wait.
    let pipe = root.path().join("fs/cgroup/b/memory.stat");
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());
    assert_eq!(usage(&root, "b").unwrap().used, None);
}

#[test]
fn a_group_made_again_is_another_one() {
    let root = tree(&[("cgroup.controllers", ""), ("a/memory.current", "1\n"), ("keep/x", "")]);
    let hierarchy = Hierarchy::find(root.path()).unwrap();
    let inode = || Reader::new(&hierarchy).read("a").unwrap().inode;
    let before = inode();
    assert_eq!(inode(), before);
    let folder = root.path().join("fs/cgroup/a");
    fs::rename(&folder, root.path().join("fs/cgroup/old")).unwrap();
    fs::create_dir(&folder).unwrap();
    assert_ne!(inode(), before);
}

#[test]
fn without_cgroups_it_says_where_it_looked() {
    let root = tempfile::tempdir().unwrap();
    let error = Hierarchy::find(root.path()).unwrap_err().to_string();
    assert!(
        error.starts_with("no memory cgroups: neither ") && error.contains("fs/cgroup/memory"),
        "{error}"
    );
}
