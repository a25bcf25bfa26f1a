//! What a recording shows: second by second, as a picture for people or as lines for programs.
//!
//! Nothing is averaged: a column of a picture that covers many seconds keeps their highest reading
//! and their lowest.

pub mod axis;
pub mod chart;
pub mod lines;
pub mod peaks;
pub mod picture;
pub mod points;
pub mod scale;
pub mod span;
pub mod svg;
#[cfg(test)]
mod tests;
