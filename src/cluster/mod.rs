//! A cluster: members that put their figures into one table, and the one among them that speaks for
//! all. It is optional, and nothing that a host publishes about itself waits for it.

pub mod configured;
pub mod database;
pub mod fold;
pub mod inspection;
pub mod member;
pub mod name;
pub mod named_lock;
pub mod overview;
pub mod password;
pub mod role;
pub mod schema;
pub mod statements;
pub mod summary;
pub mod talk;
pub mod timing;
pub mod token;
