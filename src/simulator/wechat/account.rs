//! An Official Account, as its console would show it.

use std::fmt;

use url::Url;

use super::Quotas;
use super::crypto::MessageKey;
use crate::domain::AppId;

/// One Official Account. `simulate` takes it from an operator's own configuration, so `Debug` shows no secret.
///
/// Say what matters and take the rest from [`Self::new`]: `SimulatedAccount { token, ..SimulatedAccount::new(id, url) }`.
#[derive(Clone)]
pub struct SimulatedAccount {
    /// The app id.
    pub app_id: AppId,
    /// The app secret.
    pub app_secret: String,
    /// The token of the server configuration, which signs pushes.
    pub token: String,
    /// The original id, `gh_…`.
    pub original_id: String,
    /// Where pushes go.
    pub callback_url: Url,
    /// How pushes are protected.
    pub encryption: SimulatedEncryption,
    /// What they are encrypted with: 43 characters. Needed unless they go out plain.
    pub encoding_aes_key: Option<String>,
    /// What pushes are written in, and replies to them.
    pub format: DataFormat,
    /// What it is allowed to do.
    pub kind: SimulatedKind,
    /// How often it may call.
    pub quotas: Quotas,
    /// Whether it is bound to an Open Platform account, so that people have unionids.
    pub has_unionid: bool,
    /// The hosts to which web authorization leads back (网页授权域名), exactly.
    pub oauth_domains: Vec<String>,
}

impl fmt::Debug for SimulatedAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedAccount")
            .field("app_id", &self.app_id)
            .field("encryption", &self.encryption)
            .field("format", &self.format)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// What kind of account it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SimulatedKind {
    /// 服务号.
    #[default]
    Service,
    /// 订阅号: 48001 for scene QR codes, and no web authorization.
    Subscription,
}

/// How the pushes of an account are protected (消息加解密方式).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SimulatedEncryption {
    /// 明文: in clear, and nobody signs the body.
    #[default]
    Plain,
    /// 兼容: in clear and encrypted, in one document.
    Compatible,
    /// 安全: encrypted only.
    Safe,
}

/// What messages are written in (数据格式).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataFormat {
    /// XML, as nearly everywhere.
    #[default]
    Xml,
    /// JSON with the same names.
    Json,
}

impl SimulatedAccount {
    /// A service account with plain pushes in XML, the secret `app-secret` and the token `callbacktoken`.
    pub fn new(app_id: AppId, callback_url: Url) -> Self {
        Self {
            app_id,
            app_secret: "app-secret".into(),
            token: "callbacktoken".into(),
            original_id: "gh_0123456789ab".into(),
            callback_url,
            encryption: SimulatedEncryption::Plain,
            encoding_aes_key: None,
            format: DataFormat::Xml,
            kind: SimulatedKind::Service,
            quotas: Quotas::default(),
            has_unionid: false,
            oauth_domains: Vec::new(),
        }
    }

    /// The key of its messages; none where they are plain. That there is one where it is needed is seen to when the
    /// account is told to a WeChat.
    pub(super) fn message_key(&self) -> Option<MessageKey> {
        match self.encryption {
            SimulatedEncryption::Plain => None,
            SimulatedEncryption::Compatible | SimulatedEncryption::Safe => {
                let key = MessageKey::parse(self.encoding_aes_key.as_deref().unwrap_or_default());
                Some(key.expect("an account with encryption has an EncodingAESKey"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown() {
        let app_id = AppId::new("wx1").unwrap();
        let account = SimulatedAccount {
            encoding_aes_key: Some("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG".into()),
            ..SimulatedAccount::new(app_id, "http://127.0.0.1:9/".parse().unwrap())
        };
        let shown = format!("{account:?}");
        assert!(!["app-secret", "callbacktoken", "abcdef"].iter().any(|secret| shown.contains(secret)), "{shown}");
    }
}
