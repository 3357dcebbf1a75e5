use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::conversation::{self, Conversation};
use super::fault::{Complaint, Place, Report, Spot};
use super::raw::{Node, Table};
use super::section::Section;
use super::urls::{self, BaseUrl, ProxyUrl};
use super::values::{self, Choice, choices};
use crate::domain::{AccountName, AppId};

choices! {
    /// How WeChat's messages to an account are protected, from strong to weak; what is weaker is not taken.
    Encryption {
        /// Encrypted.
        Safe = "safe",
        /// Encrypted, with a plain copy beside it.
        Compatible = "compatible",
        /// Neither encrypted nor signed.
        Plain = "plain",
    }

    /// What kind of Official Account it is.
    AccountKind {
        /// 服务号.
        Service = "service",
        /// 订阅号: cannot make scene QR codes.
        Subscription = "subscription",
    }

    /// What the account may learn in a page (网页授权).
    WebOauth {
        /// Nothing.
        Off = "off",
        /// The openid (`snsapi_base`).
        Base = "base",
        /// Also the profile (`snsapi_userinfo`).
        Userinfo = "userinfo",
    }

    /// Which messages are forwarded.
    ForwardMode {
        /// Those that are no login.
        Unmatched = "unmatched",
        /// All; what is answered to ours is ignored.
        All = "all",
    }
}

/// Where an account's access token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// WeChat's `stable_token`.
    StableToken,
    /// WeChat's older `token`.
    Token,
    /// An existing token server at this URL.
    Server(Url),
}

/// `[[account]]`: a WeChat Official Account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name here, and in its callback URL.
    pub name: AccountName,
    /// Its app id, unlike that of any other.
    pub app_id: AppId,
    /// Its secret.
    pub app_secret: SecretString,
    /// What its callbacks are signed with: 3 to 32 letters and digits.
    pub token: SecretString,
    /// What its callbacks are encrypted with: 43 characters of base64. There unless `encryption` is plain.
    pub encoding_aes_key: Option<SecretString>,
    /// The one before, during a rotation.
    pub previous_encoding_aes_key: Option<SecretString>,
    /// The weakest protection taken. Default: safe.
    pub encryption: Encryption,
    /// How far a callback's timestamp may be away; `None` (`"0s"`) is any distance, never so with plain. Default:
    /// 10 min.
    pub callback_max_age: Option<Duration>,
    /// WeChat's API. Default: `https://api.weixin.qq.com`.
    pub api_base: BaseUrl,
    /// WeChat's web OAuth. Default: `https://open.weixin.qq.com`.
    pub oauth_base: BaseUrl,
    /// Where its access token comes from. Default: `stable_token`.
    pub token_source: TokenSource,
    /// What calls to WeChat go through.
    pub proxy: Option<ProxyUrl>,
    /// What kind of account it is. Default: service.
    pub kind: AccountKind,
    /// What it may learn in a page. Default: off.
    pub web_oauth: WebOauth,
    /// What its scene ids begin with, 1 to 42 characters of `[A-Za-z0-9_-]`. Default: `sl-`.
    pub scene_prefix: String,
    /// Most QR codes a day. Default: 90,000.
    pub qr_daily_budget: NonZeroU32,
    /// Whether the unionid is asked for, once a user. Default: no.
    pub unionid: bool,
    /// Where messages that are no login go.
    pub forward: Option<Url>,
    /// Which messages go there. Default: unmatched.
    pub forward_mode: ForwardMode,
    /// What it says in its conversation with a person.
    pub conversation: Conversation,
}

impl Account {
    /// Whether both reach WeChat in the same way, as the same account.
    pub fn reaches_wechat_as(&self, other: &Self) -> bool {
        let Self { app_id, app_secret, api_base, token_source, proxy, .. } = self;
        (app_id, api_base, token_source, proxy) == (&other.app_id, &other.api_base, &other.token_source, &other.proxy)
            && app_secret.expose_secret() == other.app_secret.expose_secret()
    }
}

/// What is known of an account even where something else about it is faulty.
pub(super) struct Draft {
    pub name: Option<AccountName>,
    pub name_spot: Spot,
    pub app_id: Option<AppId>,
    pub app_id_spot: Spot,
    pub kind: AccountKind,
    pub encryption: Option<Encryption>,
    /// `None` where something else is written.
    pub web_oauth: Option<WebOauth>,
    pub unionid: bool,
    pub forward_spot: Spot,
    pub account: Option<Account>,
}

/// Characters that the random part of a scene id takes: 128 bits in base64url.
const SCENE_RANDOM_CHARS: usize = 22;
/// Most characters of a scene id.
const SCENE_CHARS_MAX: usize = 64;

pub(super) fn read(path: String, table: &Table, place: Place, report: &mut Report) -> Draft {
    let mut section = Section::of_table("account", path.clone(), table, place, report);
    let name_form = "1 to 64 letters, digits, - and _: it stands in the callback URL";
    let name =
        section.required("name", &format!("write {name_form}"), values::id(|text| AccountName::new(text), name_form));
    let app_id = section.required(
        "app_id",
        "copy 开发者ID(AppID) from the console; it begins with wx",
        values::id(|text| AppId::new(text), "the AppID as the console shows it"),
    );
    let app_secret =
        section.required_secret("app_secret", "copy 开发者密码(AppSecret) from the console", values::secret);
    let cure = "choose 3 to 32 letters and digits, here and as 令牌(Token) in the console";
    let token = section.required_secret("token", cure, values::callback_token);
    let encryption = read_encryption(&mut section);
    // Whether a key is needed cannot be told where the word is faulty.
    let encoding_aes_key = if encryption.is_none_or(|encryption| encryption == Encryption::Plain) {
        Some(section.secret("encoding_aes_key", values::aes_key).given())
    } else {
        let cure = "copy 消息加解密密钥(EncodingAESKey) from the console";
        section.required_secret("encoding_aes_key", cure, values::aes_key).map(Some)
    };
    let previous_encoding_aes_key = section.secret("previous_encoding_aes_key", values::aes_key).given();
    let max_age = section.or("callback_max_age", Duration::from_secs(10 * 60), values::duration);
    if max_age.is_zero() && encryption == Some(Encryption::Plain) {
        let reason = "takes messages of any age, and with encryption = \"plain\" anybody could repeat them";
        section.fault("callback_max_age", reason, "give a duration such as \"10m\", or leave the key out");
    }
    let api_base = read_base(&mut section, "api_base", "https://api.weixin.qq.com");
    let oauth_base = read_base(&mut section, "oauth_base", "https://open.weixin.qq.com");
    let token_source = read_token_source(&mut section);
    let proxy = section.optional("proxy", urls::proxy);
    let kind = section.choice("kind", AccountKind::Service);
    let web_oauth = section.word("web_oauth", WebOauth::Off);
    let scene_prefix = section.or("scene_prefix", "sl-".to_owned(), scene_prefix);
    let qr_daily_budget = NonZeroU32::new(section.or("qr_daily_budget", 90_000, values::whole(1)));
    let unionid = section.or("unionid", false, values::boolean);
    if web_oauth == Some(WebOauth::Userinfo) && !unionid {
        let text = "asks people for their consent, which nothing but unionid = true makes use of: write \"base\"";
        section.warn("web_oauth", WebOauth::Userinfo.name(), text);
    }
    let forward = section.optional("forward", urls::url);
    let forward_mode = section.choice("forward_mode", ForwardMode::Unmatched);
    for key in ["texts", "replies"] {
        section.written(key);
    }
    let (texts, replies) = (table.get("texts"), table.get("replies"));
    if forward.is_some() && replies.is_some() {
        let text = "has no effect where there is a forward: that system answers";
        section.warn_of("replies", text);
    }
    let (name_spot, app_id_spot) = (section.spot("name"), section.spot("app_id"));
    // A URL in a warning helps nobody, and it may hold a key.
    let forward_spot = Spot { value: None, ..section.spot("forward") };
    section.finish();
    let conversation = conversation::read(&path, texts, replies, report);
    let draft = (name.clone(), app_id.clone());
    let account = (|| {
        Some(Account {
            name: name?,
            app_id: app_id?,
            app_secret: app_secret?,
            token: token?,
            encoding_aes_key: encoding_aes_key?,
            previous_encoding_aes_key,
            encryption: encryption?,
            callback_max_age: Some(max_age).filter(|age| !age.is_zero()),
            api_base: api_base?,
            oauth_base: oauth_base?,
            token_source,
            proxy,
            kind,
            web_oauth: web_oauth?,
            scene_prefix,
            qr_daily_budget: qr_daily_budget?,
            unionid,
            forward,
            forward_mode,
            conversation,
        })
    })();
    Draft {
        name: draft.0,
        name_spot,
        app_id: draft.1,
        app_id_spot,
        kind,
        encryption,
        web_oauth,
        unionid,
        forward_spot,
        account,
    }
}

fn read_encryption(section: &mut Section<'_>) -> Option<Encryption> {
    let encryption = section.word("encryption", Encryption::Safe)?;
    let weakness = match encryption {
        Encryption::Safe => return Some(encryption),
        Encryption::Compatible => "WeChat sends a plain copy of every message: use \"safe\" where you can",
        Encryption::Plain => {
            "the body of a message is neither encrypted nor signed: whoever sees one callback URL can forge scans"
        }
    };
    section.warn("encryption", encryption.name(), weakness);
    Some(encryption)
}

fn read_base(section: &mut Section<'_>, key: &str, default: &str) -> Option<BaseUrl> {
    match section.optional(key, urls::base) {
        Some(url) => Some(url),
        None => BaseUrl::new(default).ok(),
    }
}

fn read_token_source(section: &mut Section<'_>) -> TokenSource {
    section.or("token_source", TokenSource::StableToken, |node| match node.text()? {
        "stable_token" => Ok(TokenSource::StableToken),
        "token" => Ok(TokenSource::Token),
        text if text.contains("://") => urls::url(node).map(TokenSource::Server),
        _ => Err(Complaint::new(
            "is not among what this key takes",
            r#"write "stable_token", "token", or the https URL of a token server"#,
        )),
    })
}

fn scene_prefix(node: &Node) -> Result<String, Complaint> {
    let text = node.text()?;
    let max = SCENE_CHARS_MAX - SCENE_RANDOM_CHARS;
    if text.is_empty() {
        let cure =
            "leave the key out for \"sl-\", or write a few characters that no other QR code of the account begins with";
        return Err(Complaint::new("is empty, so that every scene would count as ours", cure));
    }
    if text.len() > max || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        let reason = format!("is not 1 to {max} characters of A-Z, a-z, 0-9, - and _");
        return Err(Complaint::new(reason, "write something like \"sl-\""));
    }
    Ok(text.to_owned())
}

/// Warns of messages that would come back here: each would go round until nobody waits any more.
pub(super) fn check_forward(drafts: &[Draft], public_url: &BaseUrl, report: &mut Report) {
    for draft in drafts {
        let forward = draft.account.as_ref().and_then(|account| account.forward.as_ref());
        if forward.is_some_and(|forward| public_url.contains(forward)) {
            let text = "leads below public_url, which is this daemon unless the proxy parts them: it would ask itself, and \
                        each message waits 4 s for nothing. Give the other system's own URL, or leave the key out";
            report.warn(draft.forward_spot.clone(), text);
        }
    }
}

/// Reports accounts that share a name or an app id.
pub(super) fn check_unique(drafts: &[Draft], report: &mut Report) {
    for (index, draft) in drafts.iter().enumerate() {
        let earlier = &drafts[..index];
        if draft.name.is_some() && earlier.iter().any(|other| other.name == draft.name) {
            report.fault(
                draft.name_spot.clone(),
                "is the name of another account, too",
                "give each account its own name",
            );
        }
        if draft.app_id.is_some() && earlier.iter().any(|other| other.app_id == draft.app_id) {
            let cure = "keep one [[account]] an app id; several clients can share it";
            report.fault(draft.app_id_spot.clone(), "is the app id of another account, too", cure);
        }
    }
}
