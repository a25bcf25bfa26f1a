//! Other agents' configurations: any text is refused with a place, or comes to a configuration that
//! cwmem takes and a report that can be written.

#![no_main]

use cwmem::config::parse_str;
use cwmem::import::{File, Import, from_agent, from_crontab};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let files: [File; 1] = [("file".into(), text.to_owned())];
    hold(&from_crontab(&files));
    match from_agent(&files) {
        Ok(import) => hold(&import),
        Err(errors) => assert!(errors.iter().all(|error| error.to_string().starts_with("file:"))),
    }
});

fn hold(import: &Import) {
    assert!(parse_str("import.toml", &import.toml).is_ok(), "{}", import.toml);
    assert!(!import.report.to_string().is_empty() && !import.report.json().is_empty());
}
