//! Who follows an account, and who does no more: told to the journal where somebody is to hear of it.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Clock;
use crate::domain::{AccountName, Event, Follower, OpenId, Person, SceneId};
use crate::store::EventStore;

use super::logins::Unavailable;

/// Whether somebody follows the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Following {
    /// They began to.
    Subscribed,
    /// They left.
    Unsubscribed,
}

/// Notes followers. Clone it freely.
#[derive(Clone)]
pub struct Followers {
    store: Arc<dyn EventStore>,
    clock: Clock,
}

impl Followers {
    pub(super) fn new(store: Arc<dyn EventStore>, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Notes it, once for each `push`: what tells one word of WeChat's from every other, however often it comes, as a keyed
    /// hash. It is durable when this returns.
    ///
    /// # Errors
    /// [`Unavailable`]; to be told again.
    pub async fn note(
        &self,
        push: [u8; 16],
        account: &AccountName,
        openid: &OpenId,
        following: Following,
    ) -> Result<(), Unavailable> {
        let follower = Follower { account: account.clone(), person: Person::known(openid.clone()) };
        let event = match following {
            Following::Subscribed => Event::Subscribed(follower),
            Following::Unsubscribed => Event::Unsubscribed(follower),
        };
        let stream = stream(push);
        // A stream that is there already has this very event.
        match self.store.append(&stream, 0, self.clock.now(), vec![event]).await {
            Ok(_) => {
                self.store.retire(&stream);
                Ok(())
            }
            Err(error) => {
                tracing::error!(%account, %error, "that somebody follows the account, or does no more, could not be stored");
                Err(Unavailable)
            }
        }
    }
}

/// A stream for one event. No visitor's scene can be met: it would take the same 128 bits of a keyed hash.
fn stream(push: [u8; 16]) -> SceneId {
    let name = format!("follower-{}", URL_SAFE_NO_PAD.encode(push));
    SceneId::new(name).unwrap_or_else(|_| unreachable!("a prefix and 22 URL-safe characters are a scene's name"))
}
