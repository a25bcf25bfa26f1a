pub mod cloudwatch;
pub mod proxy;
