//! The black box's file: any bytes give an error or entries, and those written again are read alike.

#![no_main]

use cwmem::black_box::format::{ENTRIES, ENTRY, HEADER, entry, header, offset, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(contents) = parse(bytes) else { return };
    let mut copy = vec![0; HEADER + ENTRIES * ENTRY];
    copy[..HEADER].copy_from_slice(&header(&contents.heading));
    for one in &contents.entries {
        let place = offset(one.sequence) as usize;
        copy[place..place + ENTRY].copy_from_slice(&entry(one));
    }
    assert_eq!(parse(&copy).unwrap().entries, contents.entries);
});
