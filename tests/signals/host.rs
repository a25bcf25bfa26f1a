//! The host's own: ZFS's cache, NUMA nodes, and what a container is told.

use crate::support::agent::{Output, Setup};
use std::fs;
use tempfile::TempDir;

const LOCAL: &str = "identity.ec2 = false\nidentity.host = \"test\"\n";

fn captured() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("proc/meminfo", "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 200 kB\n");
    write("proc/spl/kstat/zfs/arcstats", "name type data\nc_min 4 102400\nsize 4 409600\n");
    let node = "Node 0 MemTotal: 400 kB\nNode 0 MemFree: 40 kB\nNode 0 Inactive(file): 50 kB\nNode 0 SReclaimable: 10 kB\n";
    write("sys/devices/system/node/node0/meminfo", node);
    write("sys/devices/system/node/node1/meminfo", &node.replace("MemFree: 40", "MemFree: 80"));
    root
}

fn run(root: &TempDir, arguments: &[&str], more: &str) -> Output {
    let config = format!(
        "{LOCAL}sample.proc_root = {:?}\nsample.sys_root = {:?}\n{more}",
        root.path().join("proc"),
        root.path().join("sys")
    );
    Setup::new(&config).arguments(arguments).output()
}

#[test]
fn what_zfs_would_give_back_is_available_where_it_is_asked_for() {
    let root = captured();
    let once = |more: &str| run(&root, &["once", "--dry-run", "--json"], more).stdout;
    assert!(once("").contains("\"Values\":[80.0]"), "{}", once(""));
    let reclaimable = "metrics.zfs_arc = \"reclaimable\"\n";
    assert!(once(reclaimable).contains("\"Values\":[50.0]"), "{}", once(reclaimable));
    let check = || run(&root, &["check", "--offline"], reclaimable);
    assert!(check().stdout.contains("its cache would give back 0 MiB"), "{:?}", check());
    let arcstats = root.path().join("proc/spl/kstat/zfs/arcstats");
    fs::write(&arcstats, "size 4 x\nc_min 4 1\n").unwrap();
    assert!(!once(reclaimable).contains("MemoryUsedPercent"), "what can't be read isn't guessed");
    assert_eq!(check().code, Some(1));
    fs::remove_file(arcstats).unwrap();
    assert!(once(reclaimable).contains("\"Values\":[80.0]"));
    assert!(check().stdout.contains("there is no ZFS here"), "{:?}", check());
}

#[test]
fn the_node_with_the_least_is_told() {
    let root = captured();
    let more = "metrics.enabled = [\"NumaNodeAvailablePercent\", \"MinutesToExhaustion\"]\n";
    let output = run(&root, &["once", "--dry-run", "--json"], more);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(output.stdout.lines().count(), 1, "{output:?}");
    assert!(output.stdout.contains("\"NumaNodeAvailablePercent\""), "{output:?}");
    assert!(output.stdout.contains("\"Values\":[25.0]"), "{output:?}");
    let output = run(&root, &["explain"], more);
    assert!(output.stdout.contains("NumaNodeAvailablePercent  25.00 %"), "{output:?}");
}

/// In a real cgroup namespace, where this machine lets us make one.
#[test]
fn a_container_is_told_that_it_sees_the_host() {
    let setup =
        Setup::new(LOCAL).arguments(&["check", "--offline"]).behind(&["unshare", "--cgroup"]);
    let output = setup.output();
    if output.stderr.contains("unshare") {
        eprintln!("NOT RUN: no cgroup namespace can be made here: {}", output.stderr);
        return;
    }
    assert_eq!(output.code, Some(0), "{output:?}");
    let expected = "this is a container (a cgroup namespace of its own), and /proc/meminfo shows the whole host";
    assert!(output.stdout.contains(expected), "{output:?}");
    assert!(output.stdout.contains("set cgroups.paths = [\"/\"]"), "{output:?}");
    // Who watches the host's /proc on purpose knows.
    let setup = Setup::new(LOCAL).arguments(&["check", "--offline", "--proc-root", "/proc/"]);
    assert!(!setup.output().stdout.contains("this is a container"));
}
