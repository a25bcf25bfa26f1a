//! The index of the spool.
