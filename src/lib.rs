//! cwmem: a host's memory, sampled every second, in Amazon CloudWatch.
//!
//! Modules stand in the order of the data; none uses one that is declared below it.

pub mod units;

pub mod allocator;

pub mod clock;
pub mod environment;
pub mod exit;
pub mod rehearsal;
pub mod table;

pub mod owner;

pub mod source;

pub mod sample;

pub mod formula;

pub mod metric;

pub mod column;

pub mod distribution;

pub mod average;

pub mod dimension;

pub mod window;

pub mod slow;

pub mod under_pressure;

pub mod recorder;

pub mod black_box;

pub mod history;

pub mod datum;

pub mod batch;

pub mod preset;

pub mod config;

pub mod import;

pub mod http_client;

pub mod identity;

pub mod sink;

pub mod standard_output;

pub mod cloudwatch;

pub mod delivery;

pub mod health;

pub mod spool;

pub mod notify;

pub mod ticks;

pub mod periods;

pub mod sampler;

pub mod publisher;

pub mod cluster;

pub mod series;

pub mod alarms;
pub mod dashboard;

pub mod console;

pub mod replay;

pub mod cost;
pub mod policy;

pub mod state;

pub mod status;

pub mod log;

pub mod lock_command;

pub mod pipeline;

pub mod command;

pub mod cli;
