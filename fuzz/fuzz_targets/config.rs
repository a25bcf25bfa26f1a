//! The configuration: any text is a configuration or a list of problems, each with a line to print.

#![no_main]

use cwmem::config::parse_str;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match parse_str("cwmem.toml", text) {
        Ok(config) => {
            assert!(config.sample.interval.duration() <= config.publish.period);
            assert!(config.publish.spread <= config.publish.every / 6);
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            assert_eq!(problems.to_string().lines().count(), problems.len());
        }
    }
});
