//! The subcommands, one a file.

pub mod alarms;
pub mod check;
pub mod cluster;
pub mod completions;
pub mod cost;
pub mod dashboard;
pub mod explain;
pub mod history;
pub mod import;
pub mod lock;
pub mod man;
pub mod once;
pub mod policy;
pub mod replay;
pub mod run;
pub mod spool;
pub mod status;

// Not commands: what several of them share.
pub mod kept;
pub mod output;
pub mod outside;
pub mod terminal;
