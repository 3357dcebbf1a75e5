use secrecy::SecretString;
use url::Url;

use super::account::{AccountKind, Draft as AccountDraft, Encryption, WebOauth};
use super::fault::{Place, Report, Spot};
use super::raw::Table;
use super::section::{Section, Taken, nearest};
use super::urls;
use super::values::{self, Choice, choices};
use crate::domain::{AccountName, ClientId};

choices! {
    /// What a client may ask for.
    Scope {
        /// OpenID Connect: an id token.
        Openid = "openid",
        /// What WeChat's own API answers: openid and, where known, unionid.
        Wechat = "wechat",
    }

    /// What `sub` is.
    Subject {
        /// A pseudonym that other sectors do not share.
        Pairwise = "pairwise",
        /// The openid.
        Openid = "openid",
        /// The unionid.
        Unionid = "unionid",
    }

    /// What id tokens are signed by (OpenID Connect Dynamic Client Registration §2).
    IdTokenAlgorithm {
        /// RSA, which every client knows.
        Rs256 = "RS256",
        /// A curve: a shorter signature.
        Es256 = "ES256",
    }

    /// What it takes after the scan, from weak to strong; they are ordered so.
    Confirm {
        /// The scan itself confirms.
        Auto = "auto",
        /// A press on a button.
        Tap = "tap",
        /// The number that the page shows, picked out of three.
        Number = "number",
    }

    /// Where the phone's user confirms.
    ConfirmVia {
        /// On a page of ours.
        Page = "page",
        /// In the conversation.
        Chat = "chat",
    }

    /// What the QR code holds.
    Qr {
        /// A scene of the account: the scan comes by callback.
        Scene = "scene",
        /// A link to our page: the scan comes by web OAuth.
        Link = "link",
    }

    /// Whether a challenge is asked for (RFC 7636).
    Pkce {
        /// Always.
        Required = "required",
        /// Where the client sends one.
        Optional = "optional",
    }
}

/// `[[client]]`: a website that lets its users log in.
#[derive(Clone, Debug)]
pub struct Client {
    /// How it calls itself.
    pub client_id: ClientId,
    /// What its back end proves itself with.
    pub client_secret: SecretString,
    /// The one before, during a rotation.
    pub previous_client_secret: Option<SecretString>,
    /// The account whose QR codes it shows. Default: the only one.
    pub account: AccountName,
    /// What people know it by, 1 to 100 characters.
    pub name: String,
    /// Where browsers may be sent afterwards, compared as exact strings. Default: none.
    pub redirect_uris: Vec<String>,
    /// The origins of its pages, as browsers send them. Default: none.
    pub origins: Vec<String>,
    /// What it may ask for, at least one. Default: all.
    pub scopes: Vec<Scope>,
    /// What `sub` is. Default: pairwise.
    pub subject: Subject,
    /// Clients of one sector are told the same pairwise `sub`. Default: the client's id.
    pub sector: String,
    /// What id tokens are signed by. Default: RS256.
    pub id_token_algorithm: IdTokenAlgorithm,
    /// What it takes after the scan. Default: number.
    pub confirm: Confirm,
    /// Where that happens. Default: page.
    pub confirm_via: ConfirmVia,
    /// What its QR codes hold. Default: scene.
    pub qr: Qr,
    /// Whether a challenge is asked for. Default: required.
    pub pkce: Pkce,
    /// Where its webhooks go.
    pub webhook_url: Option<Url>,
    /// What they are signed with: `whsec_` and 24 to 64 bytes in base64. There where the URL is.
    pub webhook_secret: Option<SecretString>,
}

/// What is known of a client even where something else about it is faulty.
pub(super) struct Draft {
    pub client_id: Option<ClientId>,
    pub client_id_spot: Spot,
    pub confirm: Option<Confirm>,
    pub pkce: Pkce,
    pub client: Option<Client>,
}

pub(super) fn read(path: String, table: &Table, place: Place, accounts: &[AccountDraft], report: &mut Report) -> Draft {
    let mut section = Section::of_table("client", path, table, place, report);
    let id_form = "1 to 128 visible ASCII characters, such as \"shop\"";
    let client_id =
        section.required("client_id", &format!("write {id_form}"), values::id(|text| ClientId::new(text), id_form));
    let cure = "choose a long random text, shared with the website's back end";
    let client_secret = section.required_secret("client_secret", cure, values::secret);
    let previous_client_secret = section.secret("previous_client_secret", values::secret).given();
    let account = read_account(&mut section, accounts);
    let name = section.required("name", "write the name that people know: it is shown to them", values::label(100));
    let redirect_uris = section.list("redirect_uris", urls::redirect_uri).unwrap_or_default();
    let origins = section.list("origins", urls::origin).unwrap_or_default();
    let scopes = read_scopes(&mut section);
    let subject = section.choice("subject", Subject::Pairwise);
    let sector = section.optional("sector", values::label(100));
    let id_token_algorithm = section.choice("id_token_signed_response_alg", IdTokenAlgorithm::Rs256);
    let confirm = read_confirm(&mut section, Confirm::Number);
    let confirm_via = section.choice("confirm_via", ConfirmVia::Page);
    let qr = section.choice("qr", Qr::Scene);
    let its_account = account.as_ref().and_then(|name| accounts.iter().find(|draft| draft.name.as_ref() == Some(name)));
    check_chat(&mut section, confirm_via, confirm, its_account);
    if confirm_via == ConfirmVia::Chat && qr == Qr::Link {
        section.fault(
            "confirm_via",
            "is \"chat\", and with qr = \"link\" nobody scans through the conversation",
            "leave one of the two out: a link leads to the page",
        );
    }
    if let Some(its_account) = its_account {
        check_qr(&mut section, qr, confirm, its_account);
        if subject == Subject::Unionid && !its_account.unionid {
            let cure =
                "set unionid = true there, where the account is bound to an Open Platform account (微信开放平台)";
            section.fault("subject", "is \"unionid\", and its account does not ask for it", cure);
        }
    }
    let pkce = section.choice("pkce", Pkce::Required);
    if pkce == Pkce::Optional {
        section.warn(
            "pkce",
            pkce.name(),
            "a stolen code is not bound to the browser that asked: use \"required\" where you can",
        );
    }
    let webhook_url = section.optional("webhook_url", urls::url);
    let webhook_secret = section.secret("webhook_secret", values::webhook_secret);
    if webhook_url.is_some() && matches!(webhook_secret, Taken::Absent) {
        let cure =
            "add webhook_secret = \"whsec_…\", made with `openssl rand -base64 32`: the website checks the signature";
        section.fault("webhook_url", "is there without webhook_secret", cure);
    }
    let webhook_secret = webhook_secret.given();
    let client_id_spot = section.spot("client_id");
    section.finish();
    let known = client_id.clone();
    let client = (|| {
        let id = client_id?;
        Some(Client {
            sector: sector.unwrap_or_else(|| id.as_str().to_owned()),
            client_id: id,
            client_secret: client_secret?,
            previous_client_secret,
            account: account?,
            name: name?,
            redirect_uris,
            origins,
            scopes,
            subject,
            id_token_algorithm,
            confirm: confirm?,
            confirm_via,
            qr,
            pkce,
            webhook_url,
            webhook_secret,
        })
    })();
    Draft { client_id: known, client_id_spot, confirm, pkce, client }
}

/// What the QR codes hold must be something that the account can do.
fn check_qr(section: &mut Section<'_>, qr: Qr, confirm: Option<Confirm>, account: &AccountDraft) {
    match qr {
        Qr::Scene if account.kind == AccountKind::Subscription => section.fault(
            "qr",
            "is \"scene\", and its account is a subscription account, which cannot make scene QR codes",
            "name a service account (服务号), or set qr = \"link\" where the account has web OAuth",
        ),
        Qr::Link if account.web_oauth == Some(WebOauth::Off) => section.fault(
            "qr",
            "is \"link\", and its account's web_oauth is \"off\", so nobody could tell who opens the link",
            "set web_oauth = \"base\" there, where the console grants 网页授权 and has this host as its domain, or leave qr out",
        ),
        Qr::Link if confirm == Some(Confirm::Auto) => section.warn(
            "qr",
            qr.name(),
            "with confirm = \"auto\" opening the link logs in, and any page in WeChat can open it: use \"tap\" or \"number\"",
        ),
        Qr::Scene | Qr::Link => {}
    }
}

/// Reads `confirm` of a client or of the original page.
pub(super) fn read_confirm(section: &mut Section<'_>, default: Confirm) -> Option<Confirm> {
    let confirm = section.word("confirm", default)?;
    if confirm == Confirm::Auto {
        let text = "the scan itself confirms: whoever makes somebody scan a code is logged in as them";
        section.warn("confirm", confirm.name(), text);
    }
    Some(confirm)
}

/// In the conversation, who answers is whom the message names; and how far away they are is not known there.
fn check_chat(section: &mut Section<'_>, via: ConfirmVia, confirm: Option<Confirm>, account: Option<&AccountDraft>) {
    if via != ConfirmVia::Chat {
        return;
    }
    if account.is_some_and(|draft| draft.encryption == Some(Encryption::Plain)) {
        section.fault(
            "confirm_via",
            "is \"chat\", and its account takes plain messages, in which nobody signs who answers",
            "set encryption = \"safe\" for the account, or confirm_via = \"page\"",
        );
    }
    if confirm == Some(Confirm::Tap) {
        let text = "one character confirms, and where the phone is, is not known in the conversation: nobody is asked twice \
                    who is far away. Use confirm = \"number\" where you can";
        section.warn("confirm_via", via.name(), text);
    }
}

fn read_account(section: &mut Section<'_>, accounts: &[AccountDraft]) -> Option<AccountName> {
    let written = section.take("account", values::id(|text| AccountName::new(text), "the name of an [[account]]"));
    let names = || accounts.iter().filter_map(|draft| draft.name.as_ref());
    let all_named = accounts.iter().all(|draft| draft.name.is_some());
    match written {
        Taken::Given(name) => {
            // An account whose own name is faulty may be the one that is meant.
            if all_named && !accounts.is_empty() && !names().any(|known| *known == name) {
                let near = nearest(name.as_str(), names().map(AccountName::as_str)).unwrap_or_default();
                section.fault("account", "names no account", &format!("the nearest is \"{near}\""));
            }
            Some(name)
        }
        Taken::Faulty => None,
        Taken::Absent => {
            if accounts.len() > 1 {
                let mut names: Vec<_> = names().map(AccountName::as_str).collect();
                names.dedup();
                let cure = format!("there is more than one account: name one of {}", names.join(", "));
                section.fault("account", "is missing", &cure);
            }
            names().next().cloned()
        }
    }
}

fn read_scopes(section: &mut Section<'_>) -> Vec<Scope> {
    let mut scopes: Vec<Scope> = section.list("scopes", values::choice).unwrap_or_else(|| Scope::ALL.to_vec());
    if scopes.is_empty() && section.is_empty_list("scopes") {
        section.fault("scopes", "is empty: the client could ask for nothing", r#"leave it out, or write ["wechat"]"#);
    }
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

/// Reports clients that share an id.
pub(super) fn check_unique(drafts: &[Draft], report: &mut Report) {
    for (index, draft) in drafts.iter().enumerate() {
        if draft.client_id.is_some() && drafts[..index].iter().any(|other| other.client_id == draft.client_id) {
            let spot = draft.client_id_spot.clone();
            report.fault(spot, "is the id of another client, too", "give each client its own client_id");
        }
    }
}
