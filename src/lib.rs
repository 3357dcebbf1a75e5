//! scan-login lets a website's visitors log in by scanning a QR code with WeChat.

#![forbid(unsafe_code)]

pub mod actors;
pub mod app;
pub mod audit;
mod background;
pub mod bench;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dashboard;
pub mod domain;
pub mod jose;
pub mod keys;
pub mod metrics;
pub mod recall;
pub mod replay;
pub mod retention;
pub mod simulator;
pub mod store;
pub mod tlog;
pub mod traces;
pub mod transport;
pub mod vault;
