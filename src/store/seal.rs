//! What a record keeps of a person and of a visitor, as bytes that the vault seals.

use crate::domain::{AccountName, IdError, OpenId, Person, PersonHandle, SceneId, UnionId, Visitor};
use crate::vault::{Field, Handle, Place, Vault, VaultError};

/// A visitor's bytes are filled up to a multiple of this, so that a ciphertext that cannot be opened any more does not tell
/// browsers apart by the length of their names.
const BLOCK: usize = 32;

/// Seals and opens what stands in one record.
#[derive(Clone, Copy)]
pub(super) struct Seal<'a> {
    pub(super) vault: &'a dyn Vault,
    pub(super) scene: &'a SceneId,
    pub(super) scene_seq: u32,
}

impl Seal<'_> {
    fn place(&self, field: Field) -> Place<'_> {
        Place { scene: self.scene, scene_seq: self.scene_seq, field }
    }

    /// The handle and the ciphertext of who scanned; nothing is sealed of who is forgotten already.
    pub(super) fn person(self, account: &AccountName, person: &Person) -> Result<(PersonHandle, Vec<u8>), VaultError> {
        let (openid, handle) = match person {
            Person::Known { openid, handle, .. } => {
                (openid, handle.unwrap_or_else(|| self.vault.person(account, openid)))
            }
            Person::Forgotten(handle) => return Ok((*handle, Vec::new())),
        };
        let sealed =
            self.vault.seal(Handle::of_person(handle), self.place(Field::OpenId), openid.as_str().as_bytes())?;
        Ok((handle, sealed))
    }

    pub(super) fn open_person(self, handle: PersonHandle, sealed: &[u8]) -> Result<Person, String> {
        match self.open(Handle::of_person(handle), Field::OpenId, sealed)? {
            None => Ok(Person::Forgotten(handle)),
            Some(clear) => {
                let openid = id("openid", &clear, |text| OpenId::new(text))?;
                Ok(Person::Known { openid, unionid: None, handle: Some(handle) })
            }
        }
    }

    /// The ciphertext of who scanned as other accounts know them, under the same key.
    pub(super) fn unionid(self, handle: PersonHandle, unionid: &UnionId) -> Result<Vec<u8>, VaultError> {
        self.vault.seal(Handle::of_person(handle), self.place(Field::UnionId), unionid.as_str().as_bytes())
    }

    pub(super) fn open_unionid(self, handle: PersonHandle, sealed: &[u8]) -> Result<Option<UnionId>, String> {
        let clear = self.open(Handle::of_person(handle), Field::UnionId, sealed)?;
        clear.map(|clear| id("unionid", &clear, |text| UnionId::new(text))).transpose()
    }

    /// The ciphertext of a visitor.
    pub(super) fn visitor(self, visitor: &Visitor) -> Result<Vec<u8>, VaultError> {
        let Visitor::Known { address, user_agent } = visitor else { return Ok(Vec::new()) };
        let clear = to_bytes(address, user_agent.as_deref());
        self.vault.seal(Handle::of_scene(self.scene), self.place(Field::Visitor), &clear)
    }

    pub(super) fn open_visitor(self, sealed: &[u8]) -> Result<Visitor, String> {
        match self.open(Handle::of_scene(self.scene), Field::Visitor, sealed)? {
            None => Ok(Visitor::Forgotten),
            Some(clear) => from_bytes(&clear).ok_or_else(|| "its visitor cannot be read".to_owned()),
        }
    }

    fn open(&self, handle: Handle, field: Field, sealed: &[u8]) -> Result<Option<Vec<u8>>, String> {
        if sealed.is_empty() {
            return Ok(None);
        }
        self.vault.open(handle, self.place(field), sealed).map_err(|error| format!("its keys cannot be read: {error}"))
    }
}

fn id<T>(field: &str, clear: &[u8], read: impl Fn(&str) -> Result<T, IdError>) -> Result<T, String> {
    let text = std::str::from_utf8(clear).map_err(|_| format!("{field} is not text"))?;
    read(text).map_err(|error| format!("{field} {error}"))
}

/// `address length u8 · address · user agent length + 1 as u16, or 0 · user agent · zeros`.
fn to_bytes(address: &str, user_agent: Option<&str>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 * BLOCK);
    bytes.push(u8::try_from(address.len()).unwrap_or(u8::MAX));
    bytes.extend_from_slice(address.as_bytes());
    let length = user_agent.map_or(0, |text| text.len() + 1);
    bytes.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
    bytes.extend_from_slice(user_agent.unwrap_or_default().as_bytes());
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

fn from_bytes(bytes: &[u8]) -> Option<Visitor> {
    let (length, rest) = bytes.split_first()?;
    let (address, rest) = rest.split_at_checked(usize::from(*length))?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let user_agent = match usize::from(u16::from_le_bytes(*length)).checked_sub(1) {
        None => None,
        Some(length) => Some(std::str::from_utf8(rest.get(..length)?).ok()?),
    };
    Some(Visitor::new(std::str::from_utf8(address).ok()?, user_agent))
}
