//! `/proc/zoneinfo`: any bytes give a sum or none, and another zone only adds to it.

#![no_main]

use cwmem::source::zoneinfo::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let pages = parse(text);
    let longer = [text, b"\n        low      7\n"].concat();
    assert_eq!(parse(&longer), Some(pages.unwrap_or(0).saturating_add(7)));
});
