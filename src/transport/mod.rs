//! The ways in. Everything here speaks to the actors' handles and reads the configuration; nothing here knows the store.
//!
//! `server` accepts connections and `public` puts the routes together. The rest is one way in each: the browsers'
//! `sessions` API, the original page (`seed_page` over `sockjs`), WeChat's callback and API (`wechat`), the websites' back
//! ends (`oauth`, and `webhooks` the other way), and the operator (`admin`). `opening` is what the first two share: how a session comes to be,
//! with a code of `qr_codes`. `measure` counts what comes in.

pub mod admin;
mod body;
mod client_address;
mod connection_place;
mod cookies;
mod cors;
mod descriptors;
mod extract;
mod headers;
mod hosted;
mod json;
mod language;
mod limits;
mod login_request;
mod measure;
mod oauth;
mod observed;
mod openapi;
mod opening;
mod parameters;
mod phone;
mod picture;
mod problem;
pub mod public;
mod qr_codes;
mod seed_page;
pub mod server;
mod sessions;
mod site;
mod sockets;
pub mod sockjs;
mod throttle;
mod tls;
mod unionids;
mod verify;
mod webhooks;
pub mod websocket;
pub mod wechat;

pub use client_address::ClientAddress;
pub use limits::RateLimits;
pub use phone::{PlaceDatabase, PlaceDatabaseError};
pub use qr_codes::QrCodes;
pub use seed_page::{Around as AroundPages, PageConnections};
pub use site::Site;
pub use sockets::Sockets;
pub use unionids::Unionids;
pub use webhooks::{PreparedWebhooks, Webhooks, WebhooksError};
