//! The kernel's interfaces, one a file: a pure parser and a thin reader each.

pub mod cgroup;
pub mod container;
pub mod glob;
pub mod kept;
pub mod meminfo;
pub mod numa;
pub mod pressure;
pub mod proc_file;
pub mod process;
pub mod selector;
#[cfg(any(test, not(target_os = "linux")))]
pub mod system;
pub mod vmstat;
pub mod zfs;
pub mod zoneinfo;
