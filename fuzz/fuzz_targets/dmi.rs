//! The firmware's three files: any content says "not EC2" or an instance id that can be one.

#![no_main]

use cwmem::dimension::check_value;
use cwmem::identity::dmi::Dmi;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut parts = text.splitn(3, '\0').map(str::to_owned);
    let dmi = Dmi {
        sys_vendor: parts.next(),
        board_asset_tag: parts.next(),
        hypervisor_uuid: parts.next(),
    };
    let _ = dmi.is_ec2();
    if let Some(id) = dmi.instance_id() {
        assert!(id.starts_with("i-") && check_value(id).is_ok(), "{id:?}");
    }
});
