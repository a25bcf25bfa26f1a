//! The files of cgroups, NUMA nodes and ZFS: any bytes give an error or figures.

#![no_main]

use cwmem::source::cgroup::{field, limit, number};
use cwmem::source::{numa, zfs};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let _ = (number(text), limit(text), field(text, "oom_kill"));
    if let Ok(arc) = zfs::parse(text) {
        assert!(arc.reclaimable() <= arc.size);
    }
    if let Ok(node) = numa::parse(text) {
        let percent = node.available_percent(cwmem::units::Bytes(0));
        assert!(percent.is_none_or(|percent| (0.0..=100.0).contains(&percent)));
        // Lines that cwmem doesn't know change nothing.
        let longer = [text, b"\nNode 0 Mlocked: 1 kB\n"].concat();
        assert_eq!(numa::parse(&longer), Ok(node));
    }
});
