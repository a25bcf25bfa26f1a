//! What the instance metadata service answers: any text is an error or what a dimension can carry.

#![no_main]

use cwmem::dimension::check_value;
use cwmem::identity::document::{belongs_to_group, parse, tag_keys, tag_value};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(document) = parse(text) {
        for (name, value) in document.names() {
            assert!(value.is_none_or(|value| check_value(value).is_ok()), "{name}: {value:?}");
        }
    }
    if let Ok(keys) = tag_keys(text) {
        assert!(keys.iter().all(|key| !key.is_empty() && key.is_ascii()), "{keys:?}");
    }
    if let Ok(value) = tag_value(text) {
        assert_eq!(value, text);
    }
    let _ = belongs_to_group(text);
});
