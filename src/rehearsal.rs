//! What a test may ask of a debug build through its environment: that its wall clock is another, and
//! that it takes every period of its cluster for its own. A release build has none of this.

use crate::clock::Clock;
use std::path::Path;
use std::time::Duration;

/// The process's clock.
pub fn clock() -> Clock {
    let Some(file) = asked::clock() else { return Clock::System };
    let clock = Clock::simulated(Clock::System.now().wall, 1);
    if let Clock::Simulated(simulated) = &clock {
        simulated.step(offset(&file));
    }
    clock
}

/// Steps that clock wherever its file says something else, for ever; what there is to do with the
/// system's ends at once.
pub async fn keep_stepping(clock: Clock) {
    let (Some(file), Clock::Simulated(simulated)) = (asked::clock(), &clock) else { return };
    let mut stepped = offset(&file);
    loop {
        clock.sleep(LOOK_EVERY).await;
        let wanted = offset(&file);
        simulated.step(wanted - stepped);
        stepped = wanted;
    }
}

/// Whether a claim is granted without asking the database, and not written down.
pub fn grants_claims() -> bool {
    asked::claims().as_deref() == Some("granted")
}

/// In milliseconds; the file has whole seconds.
fn offset(file: &Path) -> i64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.trim().parse::<i64>().map_or(0, |seconds| seconds.saturating_mul(1_000))
}

#[cfg(debug_assertions)]
mod asked {
    use crate::environment::variable;
    use std::path::PathBuf;

    /// The file that says how far off the clock is.
    pub fn clock() -> Option<PathBuf> {
        variable("CWMEM_TEST_CLOCK").map(PathBuf::from)
    }

    pub fn claims() -> Option<String> {
        variable("CWMEM_TEST_CLAIMS")
    }
}

#[cfg(not(debug_assertions))]
mod asked {
    use std::path::PathBuf;

    pub fn clock() -> Option<PathBuf> {
        None
    }

    pub fn claims() -> Option<String> {
        None
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(100);
