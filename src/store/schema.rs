//! What a payload looks like on disk: frozen structs, one set a schema version, converted from and to the domain's types.
//!
//! bincode decodes a reordered enum or a removed field into a different valid value, so it never sees the domain's own
//! types: it encodes these structs, field by field, which never change. A new shape is a new struct under the next version; the old ones
//! stay, so that old records stay readable. Choices are kept as numbers fixed here, not by their order in an enum.

use std::sync::Arc;
use std::time::Duration;

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::de::{BorrowDecode, BorrowDecoder};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};

use crate::domain::{
    AccountName, AppId, ClientId, Confirmation, Confirmed, Created, DenyReason, Digest, Event, EventKind, Follower,
    Forgotten, Incarnation, LoginRequest, OpenId, Opener, PageId, Person, PersonHandle, Purpose, QrCode, Redeemed,
    Scanned, Timestamp,
};
use crate::vault::VaultError;

use super::seal::Seal;

/// The most bytes that a payload may have: far over any that the daemon makes, far under a chunk.
pub(super) const MAX_PAYLOAD: usize = 6 * 1024;

const BINCODE: Configuration<LittleEndian, Varint, Limit<MAX_PAYLOAD>> =
    bincode::config::standard().with_limit::<MAX_PAYLOAD>();

/// The version that a new record of this event is written in: the oldest that can say it, so that older programs read what
/// they can.
pub(super) fn version(event: &Event) -> u8 {
    match event {
        Event::Scanned(scanned) if scanned.person.unionid().is_some() => 3,
        Event::Created(_) | Event::Scanned(_) => 2,
        Event::Confirmed(_)
        | Event::Denied(_)
        | Event::Expired
        | Event::Redeemed(_)
        | Event::Revoked
        | Event::Forgotten(_)
        | Event::Subscribed(_)
        | Event::Unsubscribed(_) => 1,
    }
}

/// A struct whose fields are encoded one behind the other, as they stand here. bincode's own traits, since serde takes arrays
/// byte by byte: that was an eighth of what decoding takes.
macro_rules! frozen {
    ($(#[$doc:meta])* struct $name:ident $(<$life:lifetime>)? {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    }) => {
        $(#[$doc])*
        struct $name $(<$life>)? {
            $($(#[$field_doc])* $field: $type,)*
        }

        impl $(<$life>)? Encode for $name $(<$life>)? {
            fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
                $(self.$field.encode(encoder)?;)*
                Ok(())
            }
        }

        frozen!(@decode $name $(<$life>)? { $($field)* });
    };
    (@decode $name:ident { $($field:ident)* }) => {
        impl<'de, Context> BorrowDecode<'de, Context> for $name {
            frozen!(@fields $($field)*);
        }
    };
    (@decode $name:ident <$life:lifetime> { $($field:ident)* }) => {
        impl<'de, Context> BorrowDecode<'de, Context> for $name<'de> {
            frozen!(@fields $($field)*);
        }
    };
    (@fields $($field:ident)*) => {
        fn borrow_decode<D: BorrowDecoder<'de, Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
            Ok(Self { $($field: BorrowDecode::borrow_decode(decoder)?,)* })
        }
    };
}

frozen! {
    struct CreatedV1<'a> {
        account: &'a str,
        app_id: &'a str,
        client: &'a str,
        incarnation: u64,
        page: Option<&'a str>,
        /// SHA-256 of the attach token, or the page holder's MAC where there is a page.
        holder: [u8; 32],
        confirmation: u8,
        qr_content: &'a str,
        qr_expires_at: i64,
        expires_at: i64,
        code_ttl: u64,
        access_token_ttl: u64,
        scope: &'a str,
        redirect_uri: Option<&'a str>,
        state: Option<&'a str>,
        nonce: Option<&'a str>,
        code_challenge: Option<[u8; 32]>,
        ui_locales: Option<&'a str>,
        purpose: u8,
    }
}

frozen! {
    /// What version 1 had, and behind it what is known of the visitor, sealed under the scene's key.
    struct CreatedV2<'a> {
        created: CreatedV1<'a>,
        visitor: Option<&'a [u8]>,
    }
}

frozen! {
    /// In clear: who wrote it did not seal.
    struct ScannedV1<'a> {
        account: &'a str,
        openid: &'a str,
    }
}

frozen! {
    struct ScannedV2<'a> {
        account: &'a str,
        person: [u8; 16],
        /// Sealed under the person's key.
        openid: &'a [u8],
    }
}

frozen! {
    /// What version 2 had, and behind it the unionid, sealed under the person's key, too.
    struct ScannedV3<'a> {
        scanned: ScannedV2<'a>,
        unionid: &'a [u8],
    }
}

frozen! {
    struct ForgottenV1<'a> {
        account: &'a str,
        person: [u8; 16],
    }
}

frozen! {
    struct FollowerV1<'a> {
        account: &'a str,
        person: [u8; 16],
        /// Sealed under the person's key.
        openid: &'a [u8],
    }
}

frozen! {
    struct ConfirmedV1 {
        code_expires_at: i64,
    }
}

frozen! {
    struct DeniedV1 {
        reason: u8,
    }
}

frozen! {
    struct RedeemedV1 {
        access_token_expires_at: i64,
    }
}

/// The type tag of a record: fixed for ever.
pub(super) const fn tag(kind: EventKind) -> u8 {
    match kind {
        EventKind::Created => 1,
        EventKind::Scanned => 2,
        EventKind::Confirmed => 3,
        EventKind::Denied => 4,
        EventKind::Expired => 5,
        EventKind::Redeemed => 6,
        EventKind::Revoked => 7,
        EventKind::Forgotten => 8,
        EventKind::Subscribed => 9,
        EventKind::Unsubscribed => 10,
    }
}

fn kind(tag: u8) -> Option<EventKind> {
    EventKind::ALL.into_iter().find(|kind| self::tag(*kind) == tag)
}

/// The payload of `event` in the current [`version`].
pub(super) fn encode(event: &Event, seal: Seal<'_>) -> Result<Vec<u8>, VaultError> {
    Ok(match event {
        Event::Created(created) => {
            let visitor = created.visitor.as_ref().map(|visitor| seal.visitor(visitor)).transpose()?;
            to_bytes(&CreatedV2 { created: CreatedV1::from(&**created), visitor: visitor.as_deref() })
        }
        Event::Scanned(scanned) => {
            let (person, openid) = seal.person(&scanned.account, &scanned.person)?;
            let stored = ScannedV2 { account: scanned.account.as_str(), person: person.0, openid: &openid };
            match scanned.person.unionid() {
                None => to_bytes(&stored),
                Some(unionid) => to_bytes(&ScannedV3 { scanned: stored, unionid: &seal.unionid(person, unionid)? }),
            }
        }
        Event::Forgotten(forgotten) => {
            to_bytes(&ForgottenV1 { account: forgotten.account.as_str(), person: forgotten.person.0 })
        }
        Event::Subscribed(follower) | Event::Unsubscribed(follower) => {
            let (person, openid) = seal.person(&follower.account, &follower.person)?;
            to_bytes(&FollowerV1 { account: follower.account.as_str(), person: person.0, openid: &openid })
        }
        Event::Confirmed(confirmed) => {
            to_bytes(&ConfirmedV1 { code_expires_at: confirmed.code_expires_at.as_micros() })
        }
        Event::Denied(reason) => to_bytes(&DeniedV1 { reason: reason_code(*reason) }),
        Event::Redeemed(redeemed) => {
            to_bytes(&RedeemedV1 { access_token_expires_at: redeemed.access_token_expires_at.as_micros() })
        }
        Event::Expired | Event::Revoked => Vec::new(),
    })
}

/// The event behind a record's tag, version and payload; otherwise what is wrong with them.
pub(super) fn decode(tag: u8, version: u8, payload: &[u8], seal: Seal<'_>) -> Result<Event, String> {
    let kind = kind(tag).ok_or_else(|| format!("type tag {tag} is not known to this program"))?;
    match (kind, version) {
        (EventKind::Created, 1) => Ok(Event::Created(Arc::new(from_bytes::<CreatedV1<'_>>(payload)?.try_into()?))),
        (EventKind::Created, 2) => {
            let stored: CreatedV2<'_> = from_bytes(payload)?;
            let visitor = stored.visitor.map(|sealed| seal.open_visitor(sealed)).transpose()?;
            Ok(Event::Created(Arc::new(Created { visitor, ..stored.created.try_into()? })))
        }
        (EventKind::Scanned, 2) => Ok(Event::Scanned(scanned(&from_bytes(payload)?, seal)?)),
        (EventKind::Scanned, 3) => {
            let stored: ScannedV3<'_> = from_bytes(payload)?;
            let mut scanned = scanned(&stored.scanned, seal)?;
            if let Person::Known { unionid, .. } = &mut scanned.person {
                *unionid = seal.open_unionid(PersonHandle(stored.scanned.person), stored.unionid)?;
            }
            Ok(Event::Scanned(scanned))
        }
        (EventKind::Forgotten, 1) => {
            let stored: ForgottenV1<'_> = from_bytes(payload)?;
            let account = AccountName::new(stored.account).map_err(named("account"))?;
            Ok(Event::Forgotten(Forgotten { account, person: PersonHandle(stored.person) }))
        }
        (EventKind::Subscribed, 1) => Ok(Event::Subscribed(follower(payload, seal)?)),
        (EventKind::Unsubscribed, 1) => Ok(Event::Unsubscribed(follower(payload, seal)?)),
        (EventKind::Scanned, 1) => {
            let scanned: ScannedV1<'_> = from_bytes(payload)?;
            Ok(Event::Scanned(Scanned {
                account: AccountName::new(scanned.account).map_err(named("account"))?,
                person: Person::known(OpenId::new(scanned.openid).map_err(named("openid"))?),
            }))
        }
        (EventKind::Confirmed, 1) => {
            let confirmed: ConfirmedV1 = from_bytes(payload)?;
            Ok(Event::Confirmed(Confirmed { code_expires_at: Timestamp::from_micros(confirmed.code_expires_at) }))
        }
        (EventKind::Denied, 1) => {
            let denied: DeniedV1 = from_bytes(payload)?;
            Ok(Event::Denied(reason(denied.reason).ok_or_else(|| format!("reason {} is not known", denied.reason))?))
        }
        (EventKind::Redeemed, 1) => {
            let redeemed: RedeemedV1 = from_bytes(payload)?;
            let access_token_expires_at = Timestamp::from_micros(redeemed.access_token_expires_at);
            Ok(Event::Redeemed(Redeemed { access_token_expires_at }))
        }
        (EventKind::Expired, 1) => empty(payload, Event::Expired),
        (EventKind::Revoked, 1) => empty(payload, Event::Revoked),
        (kind, version) => Err(format!("version {version} of `{}` is not known to this program", kind.name())),
    }
}

fn follower(payload: &[u8], seal: Seal<'_>) -> Result<Follower, String> {
    let stored: FollowerV1<'_> = from_bytes(payload)?;
    let person = seal.open_person(PersonHandle(stored.person), stored.openid)?;
    Ok(Follower { account: AccountName::new(stored.account).map_err(named("account"))?, person })
}

fn scanned(stored: &ScannedV2<'_>, seal: Seal<'_>) -> Result<Scanned, String> {
    let person = seal.open_person(PersonHandle(stored.person), stored.openid)?;
    Ok(Scanned { account: AccountName::new(stored.account).map_err(named("account"))?, person })
}

fn empty(payload: &[u8], event: Event) -> Result<Event, String> {
    if payload.is_empty() { Ok(event) } else { Err("bytes are left over".into()) }
}

fn to_bytes(value: &impl Encode) -> Vec<u8> {
    // Too long ones are refused where the record is built.
    bincode::encode_to_vec(value, bincode::config::standard()).expect("numbers, texts and arrays always encode")
}

fn from_bytes<'a, T: BorrowDecode<'a, ()>>(payload: &'a [u8]) -> Result<T, String> {
    let (value, used) = bincode::borrow_decode_from_slice(payload, BINCODE).map_err(|error| error.to_string())?;
    if used == payload.len() { Ok(value) } else { Err("bytes are left over".into()) }
}

fn named<E: std::fmt::Display>(field: &'static str) -> impl Fn(E) -> String {
    move |error| format!("{field} {error}")
}

impl<'a> From<&'a Created> for CreatedV1<'a> {
    fn from(created: &'a Created) -> Self {
        let (page, holder) = match &created.opener {
            Opener::Browser { attach } => (None, attach.0),
            Opener::Page { page, holder } => (Some(page.as_str()), holder.0),
        };
        let request = &created.request;
        Self {
            account: created.account.as_str(),
            app_id: created.app_id.as_str(),
            client: created.client.as_str(),
            incarnation: created.incarnation.0,
            page,
            holder,
            confirmation: match created.confirmation {
                Confirmation::Auto => 1,
                Confirmation::Tap => 2,
                Confirmation::Number => 3,
            },
            qr_content: &created.qr.content,
            qr_expires_at: created.qr.expires_at.as_micros(),
            expires_at: created.expires_at.as_micros(),
            code_ttl: micros(created.code_ttl),
            access_token_ttl: micros(created.access_token_ttl),
            scope: &request.scope,
            redirect_uri: request.redirect_uri.as_deref(),
            state: request.state.as_deref(),
            nonce: request.nonce.as_deref(),
            code_challenge: request.code_challenge.map(|challenge| challenge.0),
            ui_locales: request.ui_locales.as_deref(),
            purpose: match request.purpose {
                Purpose::Login => 1,
                Purpose::Bind => 2,
                Purpose::Verify => 3,
            },
        }
    }
}

impl TryFrom<CreatedV1<'_>> for Created {
    type Error = String;

    fn try_from(stored: CreatedV1<'_>) -> Result<Self, String> {
        let opener = match stored.page {
            None => Opener::Browser { attach: Digest(stored.holder) },
            Some(page) => {
                Opener::Page { page: PageId::new(page).map_err(named("page"))?, holder: Digest(stored.holder) }
            }
        };
        Ok(Self {
            account: AccountName::new(stored.account).map_err(named("account"))?,
            app_id: AppId::new(stored.app_id).map_err(named("app_id"))?,
            client: ClientId::new(stored.client).map_err(named("client"))?,
            incarnation: Incarnation(stored.incarnation),
            opener,
            confirmation: match stored.confirmation {
                1 => Confirmation::Auto,
                2 => Confirmation::Tap,
                3 => Confirmation::Number,
                other => return Err(format!("confirmation {other} is not known")),
            },
            qr: QrCode {
                content: stored.qr_content.to_owned(),
                expires_at: Timestamp::from_micros(stored.qr_expires_at),
            },
            expires_at: Timestamp::from_micros(stored.expires_at),
            code_ttl: Duration::from_micros(stored.code_ttl),
            access_token_ttl: Duration::from_micros(stored.access_token_ttl),
            request: LoginRequest {
                scope: stored.scope.to_owned(),
                redirect_uri: stored.redirect_uri.map(str::to_owned),
                state: stored.state.map(str::to_owned),
                nonce: stored.nonce.map(str::to_owned),
                code_challenge: stored.code_challenge.map(Digest),
                ui_locales: stored.ui_locales.map(str::to_owned),
                purpose: match stored.purpose {
                    1 => Purpose::Login,
                    2 => Purpose::Bind,
                    3 => Purpose::Verify,
                    other => return Err(format!("purpose {other} is not known")),
                },
            },
            visitor: None,
        })
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

const fn reason_code(reason: DenyReason) -> u8 {
    match reason {
        DenyReason::User => 1,
        DenyReason::NotMe => 2,
        DenyReason::Number => 3,
        DenyReason::Snapshot => 4,
        DenyReason::WrongAccount => 5,
        DenyReason::Browser => 6,
        DenyReason::Admin => 7,
    }
}

fn reason(code: u8) -> Option<DenyReason> {
    use DenyReason::{Admin, Browser, NotMe, Number, Snapshot, User, WrongAccount};
    [User, NotMe, Number, Snapshot, WrongAccount, Browser, Admin]
        .into_iter()
        .find(|reason| reason_code(*reason) == code)
}
