//! Load and measurement: a daemon is driven from outside, by simulated browsers, WeChat callbacks and a website, as it is
//! by the real ones. Operators size their machines with it; the project's own measurements (`benches/`) rest upon it.
//!
//! What each figure means is said at its scenario. A time counts from when something was due, not from when there was
//! room for it; a login that is lost is counted, with where and why; and no figure is told without what it was measured on.

mod addresses;
mod arrivals;
mod beat;
pub mod browser;
pub mod daemon;
pub mod descriptors;
mod driver;
mod error;
pub mod figures;
mod http;
pub mod login;
pub mod loss;
pub mod machine;
mod pinning;
mod process;
mod progress;
pub mod scenario;
mod scenes;
pub mod target;
mod website;
mod websocket;
mod wechat;

pub use self::addresses::Addresses;
pub use self::arrivals::arrivals;
pub use self::driver::{Driver, DriverSettings, PEOPLE};
pub use self::error::BenchError;
pub use self::http::{Answer, Connection, Kept};
pub use self::pinning::Pinning;
pub use self::process::{CpuTimes, Process};
pub use self::progress::Progress;
pub use self::website::Website;
pub use self::websocket::Socket;
pub use self::wechat::WeChat;
