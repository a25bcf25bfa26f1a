//! The options of Amazon's monitoring scripts and of cloudwatchmon, which share them.

/// What an option means.
#[derive(Clone, Copy)]
pub enum Meaning {
    /// A place in the list of both programs' metrics.
    Metric(usize),
    InclCache,
    Units,
    Aggregated,
    AutoScaling,
    Trial,
    /// Says how it runs, not what it publishes.
    Manner,
    /// Where the credentials come from.
    Credentials,
    Foreign(&'static str, &'static [&'static str]),
    /// Belongs to what another option has named as foreign.
    Detail,
}

/// The option with this name, or the only one that begins like this: both programs allow that.
pub fn known(name: &str) -> Option<&'static (&'static str, bool, Meaning)> {
    let exact = OPTIONS.iter().find(|option| option.0 == name);
    exact.or_else(|| {
        let mut like =
            OPTIONS.iter().filter(|option| !name.is_empty() && option.0.starts_with(name));
        like.next().filter(|_| like.next().is_none())
    })
}

/// The options of both programs, whether they take a value, and what they mean.
static OPTIONS: [(&str, bool, Meaning); 31] = [
    ("mem-util", false, Meaning::Metric(0)),
    ("mem-used", false, Meaning::Metric(1)),
    ("mem-avail", false, Meaning::Metric(2)),
    ("swap-util", false, Meaning::Metric(3)),
    ("swap-used", false, Meaning::Metric(4)),
    ("mem-used-incl-cache-buff", false, Meaning::InclCache),
    ("memory-units", true, Meaning::Units),
    ("aggregated", true, Meaning::Aggregated),
    ("auto-scaling", true, Meaning::AutoScaling),
    ("verify", false, Meaning::Trial),
    ("help", false, Meaning::Trial),
    ("?", false, Meaning::Trial),
    ("version", false, Meaning::Trial),
    ("from-cron", false, Meaning::Manner),
    ("verbose", false, Meaning::Manner),
    ("enable-compression", false, Meaning::Manner),
    ("aws-credential-file", true, Meaning::Credentials),
    ("aws-access-key-id", true, Meaning::Credentials),
    ("aws-secret-key", true, Meaning::Credentials),
    ("aws-iam-role", true, Meaning::Credentials),
    ("disk-path", true, Meaning::Detail),
    ("disk-space-units", true, Meaning::Detail),
    ("disk-space-util", false, Meaning::Foreign("disks", &["DiskSpaceUtilization"])),
    ("disk-space-used", false, Meaning::Foreign("disks", &["DiskSpaceUsed"])),
    ("disk-space-avail", false, Meaning::Foreign("disks", &["DiskSpaceAvailable"])),
    (
        "loadavg",
        false,
        Meaning::Foreign("the load", &["LoadAvg1Min", "LoadAvg5Min", "LoadAvg15Min"]),
    ),
    (
        "loadavg-percpu",
        false,
        Meaning::Foreign(
            "the load",
            &["LoadAvgPerCPU1Min", "LoadAvgPerCPU5Min", "LoadAvgPerCPU15Min"],
        ),
    ),
    ("proc-name", true, Meaning::Foreign("processes", &["ProcessCount"])),
    ("file-path", true, Meaning::Foreign("files", &["FileSize", "FileExists"])),
    ("tcp-ping", true, Meaning::Foreign("the network", &["TCPPing"])),
    ("from-file", true, Meaning::Foreign("figures from a file", &[])),
];
