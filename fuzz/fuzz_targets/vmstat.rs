//! `/proc/vmstat`: any bytes give an error or counters, and what is parsed twice is parsed alike.

#![no_main]

use cwmem::source::vmstat::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let Ok(vmstat) = parse(text) else { return };
    // Counters that cwmem doesn't know change nothing.
    let longer = [text, b"nr_free_pages 1\npgfault 2\n"].concat();
    assert_eq!(parse(&longer), Ok(vmstat));
});
