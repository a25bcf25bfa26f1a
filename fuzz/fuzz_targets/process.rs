//! `/proc/PID/statm` and `/proc/PID/status`: any bytes give an error or figures, and a name that is
//! harmless where it is shown.

#![no_main]

use cwmem::source::process::{Name, parse_statm, parse_status};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let _ = parse_statm(text);
    let Ok(status) = parse_status(text) else { return };
    assert_eq!(Name::new(status.name.bytes()), status.name);
    assert!(!status.name.to_string().contains(char::is_control));
    // Lines that cwmem doesn't know change nothing.
    let longer = [text, b"\nThreads:\t1\n"].concat();
    assert_eq!(parse_status(&longer), Ok(status));
});
