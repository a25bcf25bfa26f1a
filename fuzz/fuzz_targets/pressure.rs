//! `/proc/pressure/memory`: any bytes give an error or the totals that stand in them.

#![no_main]

use cwmem::source::pressure::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let Ok(pressure) = parse(text) else { return };
    let text = String::from_utf8_lossy(text);
    // A total may be written with leading zeros; all its other digits must be there.
    for total in [Some(pressure.some), pressure.full].into_iter().flatten() {
        assert!(text.contains(&total.to_string()), "{total} isn't in {text:?}");
    }
});
