use super::client::{Confirm, Draft as ClientDraft, Pkce, read_confirm};
use super::fault::Report;
use super::raw::Table;
use super::section::{Section, nearest};
use super::values::{self, Choice, choices};
use crate::domain::ClientId;

choices! {
    /// What follows `AUTOMATIC_LOGIN####`.
    SeedMessage {
        /// A one-time code, which the website's back end redeems.
        Code = "code",
        /// The openid itself.
        Openid = "openid",
    }

    /// How the page that fetched the QR code is known again.
    SeedBind {
        /// By its address.
        Address = "address",
        /// By a cookie.
        Cookie = "cookie",
    }
}

/// `[seed_page]`: the interface of the original page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedPage {
    /// The client whose logins these are.
    pub client_id: ClientId,
    /// What it takes after the scan: tap or auto, not weaker than its client's. Default: tap.
    pub confirm: Confirm,
    /// What the page receives. Default: code.
    pub message: SeedMessage,
    /// How the page is known again. Default: address.
    pub bind: SeedBind,
}

impl SeedPage {
    pub(super) fn read(root: &Table, clients: &[ClientDraft], report: &mut Report) -> Option<Self> {
        if !root.contains_key("seed_page") {
            return None;
        }
        let mut section = Section::of_root(root, "seed_page", report);
        let cure = "name a [[client]], best one of its own";
        let client_id =
            section.required("client_id", cure, values::id(|text| ClientId::new(text), "the id of a [[client]]"));
        let confirm = read_confirm(&mut section, Confirm::Tap);
        if confirm == Some(Confirm::Number) {
            section.fault(
                "confirm",
                "cannot be asked for here: the original page shows no number",
                "write \"tap\" or \"auto\"",
            );
        }
        if let Some(id) = &client_id {
            match clients.iter().find(|client| client.client_id.as_ref() == Some(id)) {
                Some(client) => check_strength(&mut section, confirm, client),
                // A client whose own id is faulty may be the one that is meant.
                None if clients.iter().any(|client| client.client_id.is_none()) => {}
                None => {
                    let ids = clients.iter().filter_map(|client| client.client_id.as_ref());
                    let cure = match nearest(id.as_str(), ids.map(ClientId::as_str)) {
                        Some(near) => format!("the nearest is \"{near}\""),
                        None => "write a [[client]] with this client_id".to_owned(),
                    };
                    section.fault("client_id", "names no client", &cure);
                }
            }
        }
        let message = section.choice("message", SeedMessage::Code);
        if message == SeedMessage::Openid {
            let text =
                "the browser tells the website an openid, which is no secret: whoever knows one can log in with it";
            section.warn("message", message.name(), text);
        }
        let bind = section.choice("bind", SeedBind::Address);
        section.finish();
        Some(Self { client_id: client_id?, confirm: confirm?, message, bind })
    }
}

/// The weaker door opens the other: whoever cannot pass the client's own way comes in by the original page.
fn check_strength(section: &mut Section<'_>, confirm: Option<Confirm>, client: &ClientDraft) {
    if let (Some(own), Some(clients)) = (confirm, client.confirm)
        && own < clients
    {
        let reason = format!("is weaker than its client's confirm (\"{}\")", clients.name());
        section.fault("confirm", reason, "give the page a client of its own whose confirm is the same");
    }
    if client.pkce == Pkce::Required {
        let id = client.client_id.as_ref().map_or("", ClientId::as_str);
        let text = "this client asks for pkce, which the original page does not have: \
                    best give the page a client of its own, with pkce = \"optional\"";
        section.warn("client_id", id, text);
    }
}
