//! `/proc/meminfo`: any bytes give an error or figures that can be true, never a panic.

#![no_main]

use cwmem::clock::{Boottime, Moment, Timestamp};
use cwmem::metric::{Formula, NATIVE, Value};
use cwmem::sample::{Rates, Sample};
use cwmem::source::meminfo::{Extras, parse};
use cwmem::units::Tenths;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let extras = Extras::new(vec!["Slab".into(), "HugePages_Total".into(), "Active(file)".into()]);
    let mut sample = Sample::new(Moment { wall: Timestamp(0), boot: Boottime(0) }, extras.len());
    sample.covered = Tenths(10);
    let Ok(info) = parse(text, &extras, &mut sample.extras) else { return };
    sample.meminfo = Some(info);
    for metric in &NATIVE {
        let Formula::MemInfo(_) = metric.formula else { continue };
        let Some(value) = metric.value(&sample, &Rates::default()) else { continue };
        let (Value::Weighted(value, _) | Value::Events(value)) = value;
        assert!(value.is_finite() && value >= 0.0, "{}: {value}", metric.name);
        // More may be committed than there is; of everything else there is at most all.
        let bounded = metric.name.ends_with("Percent") && metric.name != "CommittedPercent";
        assert!(!bounded || value <= 100.0, "{}: {value}", metric.name);
    }
});
