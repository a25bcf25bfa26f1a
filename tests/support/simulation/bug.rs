//! Bugs that can be planted around the core, to see that the simulation finds them.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A start folds samples again that are safe already.
    SkipTaken,
    /// A start leaves what the ring holds.
    NoReplay,
    /// The ring is told that samples are safe as soon as their part is closed.
    EarlyTaken,
    /// The disk says that it wrote what it didn't.
    PhantomWrite,
    /// What is cut off at a step of the wall clock goes nowhere.
    LostAtStep,
    /// A failing service is asked again at once.
    EagerRetry,
    /// The folder is listed without the mark of what was delivered.
    BlindToMarks,
}

impl Bug {
    pub const ALL: [(&'static str, Bug); 7] = [
        ("skip-taken", Bug::SkipTaken),
        ("no-replay", Bug::NoReplay),
        ("early-taken", Bug::EarlyTaken),
        ("phantom-write", Bug::PhantomWrite),
        ("lost-at-step", Bug::LostAtStep),
        ("eager-retry", Bug::EagerRetry),
        ("blind-to-marks", Bug::BlindToMarks),
    ];

    pub fn named(name: &str) -> Option<Bug> {
        Bug::ALL.iter().find(|(known, _)| *known == name).map(|(_, bug)| *bug)
    }
}
