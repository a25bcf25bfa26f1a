//! cwmem: a host's memory, sampled every second, in Amazon CloudWatch.
//!
//! Modules stand in the order of the data; none uses one that is declared below it.

pub mod units;

pub mod clock;
pub mod environment;

pub mod source;

pub mod sample;

pub mod metric;

pub mod distribution;

pub mod window;

pub mod dimension;

pub mod datum;

pub mod batch;

pub mod config;

pub mod identity;

pub mod sink;
