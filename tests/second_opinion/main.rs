//! WeChat's encryption as other hands have written it (PyPI's wechatpy, npm's wechat-crypto), against ours.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod daemon;
mod published;
mod python;
mod simulator;
mod support;
