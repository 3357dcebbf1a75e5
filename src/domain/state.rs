use std::sync::Arc;
use std::time::Duration;

use super::{Created, DenyReason, OpenId, Opener, Person, Timestamp};

/// How long a session stays after its last possible moment, so that a browser that asks late hears that it is over.
const LINGER: Duration = Duration::from_secs(30);

/// Where a scan session stands: the fold of its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing has happened yet.
    #[default]
    Absent,
    /// It was created.
    Present(Session),
}

/// A session that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// How it began.
    pub created: Arc<Created>,
    /// How far it has come.
    pub phase: Phase,
}

/// How far a session has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The QR code waits.
    Pending,
    /// Somebody scanned, and is asked.
    Scanned {
        /// Who.
        person: Person,
    },
    /// Who scanned agreed; the code waits for its redemption.
    Confirmed {
        /// Who.
        person: Person,
        /// Until when the code can be redeemed.
        code_expires_at: Timestamp,
    },
    /// The website has redeemed the code.
    Redeemed {
        /// Who logged in.
        person: Person,
        /// When who scanned had agreed.
        confirmed_at: Timestamp,
        /// Until when the access token lives.
        access_token_expires_at: Timestamp,
    },
    /// What the website was given is void: the code was presented twice, the website gave it back, or who scanned says that
    /// it was not them.
    Revoked {
        /// Who had logged in.
        person: Person,
    },
    /// Somebody refused.
    Denied {
        /// Why.
        reason: DenyReason,
    },
    /// Its time was over.
    Expired,
}

impl State {
    /// The session, where there is one.
    pub fn session(&self) -> Option<&Session> {
        match self {
            Self::Absent => None,
            Self::Present(session) => Some(session),
        }
    }
}

impl Session {
    /// When the session expires if nothing else happens; `None` where it can no longer expire.
    pub fn deadline(&self) -> Option<Timestamp> {
        match &self.phase {
            Phase::Pending | Phase::Scanned { .. } => Some(self.created.expires_at),
            Phase::Confirmed { code_expires_at, .. } => Some(*code_expires_at),
            Phase::Redeemed { .. } | Phase::Revoked { .. } | Phase::Denied { .. } | Phase::Expired => None,
        }
    }

    /// From when on nobody needs to know this session any more; `None` while it can still expire.
    ///
    /// Until then its messages can be fetched, its page id is not given to another, and a second redemption revokes.
    pub fn retires_at(&self) -> Option<Timestamp> {
        if self.deadline().is_some() {
            return None;
        }
        let mut at = self.created.expires_at.after(self.created.code_ttl).after(LINGER);
        if let Opener::Page { .. } = self.created.opener {
            at = at.max(self.created.qr.expires_at);
        }
        if let Phase::Redeemed { access_token_expires_at, .. } = &self.phase {
            at = at.max(*access_token_expires_at);
        }
        Some(at)
    }

    /// Who scanned, where somebody did and it still counts, and nobody has forgotten them.
    pub fn openid(&self) -> Option<&OpenId> {
        match &self.phase {
            Phase::Scanned { person }
            | Phase::Confirmed { person, .. }
            | Phase::Redeemed { person, .. }
            | Phase::Revoked { person } => person.openid(),
            Phase::Pending | Phase::Denied { .. } | Phase::Expired => None,
        }
    }
}
