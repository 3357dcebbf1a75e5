//! Which words are used for a login: the account's, in the language of the page, which is all that is known of its reader.

use crate::config::{Account, Language, Texts};
use crate::domain::Created;
use crate::transport::language::language_of;
use crate::transport::site::Site;

pub(super) fn language(created: Option<&Created>) -> Language {
    language_of(created.and_then(|created| created.request.ui_locales.as_deref()))
}

pub(super) fn texts<'a>(account: &'a Account, created: Option<&Created>) -> &'a Texts {
    account.conversation.texts(language(created))
}

pub(super) fn site_name<'a>(site: &'a Site, created: &'a Created) -> &'a str {
    site.config.client(&created.client).map_or(created.client.as_str(), |client| &client.name)
}

/// The website's name comes last: braces in it are no placeholders.
pub(super) fn fill(template: &str, site: &str) -> String {
    template.replace("{site}", site)
}
