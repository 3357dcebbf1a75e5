//! What an operator asks to see where a fault is.

use serde::{Deserialize, Serialize};

use super::{ApiError, WeChatApi};
use crate::clock::parse_http_date;
use crate::domain::Timestamp;

/// What WeChat found when it tried our callback URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct CallbackCheck {
    /// The addresses that it got for the host.
    #[serde(default)]
    pub dns: Vec<DnsAnswer>,
    /// What became of its pings.
    #[serde(default)]
    pub ping: Vec<Ping>,
}

/// An address of the callback's host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DnsAnswer {
    /// The address.
    pub ip: String,
}

/// The pings to one address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Ping {
    /// The address.
    pub ip: String,
    /// How many got lost, as `0%`.
    #[serde(default)]
    pub package_loss: String,
}

#[derive(Serialize)]
struct Check {
    action: &'static str,
    check_operator: &'static str,
}

impl WeChatApi {
    /// Has WeChat look for our callback URL: its DNS, and a ping. It may take WeChat some seconds.
    ///
    /// # Errors
    /// As with every call.
    pub async fn check_callback(&self) -> Result<CallbackCheck, ApiError> {
        self.call("callback/check", &Check { action: "all", check_operator: "DEFAULT" }).await
    }

    /// What time WeChat has; `None` where it does not tell.
    ///
    /// # Errors
    /// [`ApiError::Away`].
    pub async fn time(&self) -> Result<Option<Timestamp>, ApiError> {
        let url = self.endpoint("getcallbackip", None);
        let asking = async { self.0.http.date(&url).await.map_err(|fault| self.explain(fault, "getcallbackip", None)) };
        Ok(self.within_deadline(asking).await?.as_deref().and_then(parse_http_date))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wechats_example_is_read() {
        let text = r#"{"dns":[{"ip":"111.161.64.40","real_operator":"UNICOM"}],
            "ping":[{"ip":"111.161.64.40","from_operator":"UNICOM","package_loss":"0%","time":"23.079ms"}]}"#;
        let check: CallbackCheck = serde_json::from_str(text).unwrap();
        assert_eq!((check.dns.len(), check.ping[0].package_loss.as_str()), (1, "0%"));
        assert_eq!(serde_json::from_str::<CallbackCheck>("{}").unwrap(), CallbackCheck::default());
    }
}
