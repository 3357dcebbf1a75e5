//! The daemon as its users meet it: the real program in a process of its own, a real store on a real disk, real sockets,
//! and the simulated WeChat beside it.

#![expect(clippy::unwrap_used, reason = "in a test, a surprise is a failure")]

mod abuse;
mod audit;
mod authorize;
mod callback;
mod chat;
mod confirmation;
mod conversation;
mod crashes;
mod dashboard;
mod disk;
mod doctor;
mod faults;
mod forward;
mod front;
mod handover;
mod lifecycle;
mod link;
mod manager;
mod modes;
mod now;
mod observation;
mod oidc;
mod operator;
mod original_page;
mod phone;
mod places;
mod privacy;
mod reload;
mod retention;
mod scarcity;
mod secrets;
mod sessions;
mod slow_peers;
mod support;
mod tls;
mod token;
mod transports;
mod unionid;
mod webhooks;
mod widget;
