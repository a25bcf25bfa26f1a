//! The subcommands, one a file.

pub mod check;
pub mod completions;
pub mod explain;
pub mod man;
pub mod once;
/// Not a command: what several of them share.
pub mod outside;
pub mod run;
