//! Stand-ins for an instance on which the scripts of packaging/aws run.

pub mod host;
