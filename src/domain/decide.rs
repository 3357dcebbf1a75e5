use super::{
    ClientId, Command, Confirmation, Confirmed, Created, DenyReason, Event, OpenId, Person, Phase, Redeem, Redeemed,
    Scan, Scanned, Session, State, Timestamp,
};

/// Why nothing happens. A refusal is never stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such session.
    Unknown,
    /// The scene id is taken.
    Taken,
    /// The scan came through another account than the session's.
    OtherAccount,
    /// Somebody else scanned before.
    OtherScanner,
    /// Nobody is asked to confirm: nobody has scanned yet, or who did has confirmed.
    NotScanned,
    /// There is no code yet, so none can be redeemed.
    NotConfirmed,
    /// Nothing was redeemed yet, so nothing can be given back.
    NotRedeemed,
    /// The session is over, or its time is.
    Ended,
    /// The timer fired early; the session still has until then.
    NotYet(Timestamp),
    /// The code was issued to another client.
    OtherClient,
    /// The redemption's `redirect_uri` is not the one that the login asked for, or is there only once.
    RedirectUri,
    /// The redemption's `code_verifier` does not fit the challenge, or is there only once.
    Verifier,
    /// The code was redeemed before.
    AlreadyRedeemed,
}

/// What follows from `command` in `state`: the events to store, or why there are none.
///
/// No events and no refusal means that it has happened already: the same answer as the first time, and no second effect.
/// The one command whose repetition has an effect of its own is a redemption: its second time is the event
/// [`Event::Revoked`] (RFC 6749 §4.1.2), and must be answered with a refusal.
///
/// # Errors
/// A [`Refusal`], after which nothing has changed.
pub fn decide(state: &State, command: &Command) -> Result<Vec<Event>, Refusal> {
    let session = match (state, command) {
        (State::Absent, Command::Create(created)) => return Ok(vec![Event::Created(created.clone())]),
        (State::Absent, _) => return Err(Refusal::Unknown),
        (State::Present(session), Command::Create(created)) => return create_again(session, created),
        (State::Present(session), _) => session,
    };
    match command {
        Command::Create(_) => Err(Refusal::Taken),
        Command::Scan(scan) => decide_scan(session, scan),
        Command::Confirm { openid, at } => decide_confirm(session, openid, *at),
        Command::Deny { reason } => match session.phase {
            Phase::Pending if *reason == DenyReason::NotMe => Err(Refusal::NotScanned),
            // What the website was given is void from then on.
            Phase::Redeemed { .. } if *reason == DenyReason::NotMe => Ok(vec![Event::Denied(*reason)]),
            Phase::Revoked { .. } if *reason == DenyReason::NotMe => Ok(vec![]),
            // What the phone's page finds out counts only while it is asked.
            Phase::Pending | Phase::Confirmed { .. } if is_of_the_phones_page(*reason) => Err(Refusal::NotScanned),
            Phase::Pending | Phase::Scanned { .. } | Phase::Confirmed { .. } => Ok(vec![Event::Denied(*reason)]),
            Phase::Denied { .. } => Ok(vec![]),
            Phase::Redeemed { .. } | Phase::Revoked { .. } | Phase::Expired => Err(Refusal::Ended),
        },
        Command::Expire { at } => match session.deadline() {
            Some(deadline) if *at >= deadline => Ok(vec![Event::Expired]),
            Some(deadline) => Err(Refusal::NotYet(deadline)),
            None => Ok(vec![]),
        },
        Command::Redeem(redeem) => decide_redeem(session, redeem),
        Command::Revoke { client } => decide_revoke(session, client),
    }
}

fn is_of_the_phones_page(reason: DenyReason) -> bool {
    matches!(reason, DenyReason::Number | DenyReason::Snapshot | DenyReason::WrongAccount)
}

fn create_again(session: &Session, created: &Created) -> Result<Vec<Event>, Refusal> {
    if *session.created == *created { Ok(vec![]) } else { Err(Refusal::Taken) }
}

fn decide_scan(session: &Session, scan: &Scan) -> Result<Vec<Event>, Refusal> {
    let created = &session.created;
    if scan.account != created.account {
        return Err(Refusal::OtherAccount);
    }
    match &session.phase {
        Phase::Pending if scan.at >= created.expires_at => Err(Refusal::Ended),
        Phase::Pending => {
            let person = Person::of(scan.openid.clone(), scan.unionid.clone());
            let scanned = Event::Scanned(Scanned { account: scan.account.clone(), person });
            Ok(match created.confirmation {
                Confirmation::Auto => vec![scanned, confirmed(created, scan.at)],
                Confirmation::Tap | Confirmation::Number => vec![scanned],
            })
        }
        Phase::Scanned { person }
        | Phase::Confirmed { person, .. }
        | Phase::Redeemed { person, .. }
        | Phase::Revoked { person } => only_first_scanner(person, &scan.openid),
        Phase::Denied { .. } | Phase::Expired => Err(Refusal::Ended),
    }
}

fn decide_confirm(session: &Session, by: &OpenId, at: Timestamp) -> Result<Vec<Event>, Refusal> {
    match &session.phase {
        Phase::Pending => Err(Refusal::NotScanned),
        Phase::Scanned { person } => {
            only_first_scanner(person, by)?;
            if at >= session.created.expires_at {
                return Err(Refusal::Ended);
            }
            Ok(vec![confirmed(&session.created, at)])
        }
        Phase::Confirmed { person, .. } | Phase::Redeemed { person, .. } => only_first_scanner(person, by),
        Phase::Revoked { .. } | Phase::Denied { .. } | Phase::Expired => Err(Refusal::Ended),
    }
}

fn confirmed(created: &Created, at: Timestamp) -> Event {
    Event::Confirmed(Confirmed { code_expires_at: at.after(created.code_ttl) })
}

/// Nobody can prove to be a person who was forgotten.
fn only_first_scanner(first: &Person, now: &OpenId) -> Result<Vec<Event>, Refusal> {
    if first.openid() == Some(now) { Ok(vec![]) } else { Err(Refusal::OtherScanner) }
}

fn decide_redeem(session: &Session, redeem: &Redeem) -> Result<Vec<Event>, Refusal> {
    let created = &session.created;
    if redeem.client != created.client {
        return Err(Refusal::OtherClient);
    }
    if redeem.redirect_uri != created.request.redirect_uri {
        return Err(Refusal::RedirectUri);
    }
    if redeem.verifier != created.request.code_challenge {
        return Err(Refusal::Verifier);
    }
    match &session.phase {
        Phase::Pending | Phase::Scanned { .. } => Err(Refusal::NotConfirmed),
        Phase::Confirmed { code_expires_at, .. } if redeem.at >= *code_expires_at => Err(Refusal::Ended),
        // Forgetting denies first; so it is met only where keys were lost.
        Phase::Confirmed { person: Person::Forgotten(_), .. } => Err(Refusal::Ended),
        Phase::Confirmed { .. } => {
            let access_token_expires_at = redeem.at.after(created.access_token_ttl);
            Ok(vec![Event::Redeemed(Redeemed { access_token_expires_at })])
        }
        Phase::Redeemed { .. } => Ok(vec![Event::Revoked]),
        Phase::Revoked { .. } => Err(Refusal::AlreadyRedeemed),
        Phase::Denied { .. } | Phase::Expired => Err(Refusal::Ended),
    }
}

fn decide_revoke(session: &Session, client: &ClientId) -> Result<Vec<Event>, Refusal> {
    if *client != session.created.client {
        return Err(Refusal::OtherClient);
    }
    match &session.phase {
        Phase::Pending | Phase::Scanned { .. } | Phase::Confirmed { .. } => Err(Refusal::NotRedeemed),
        Phase::Redeemed { .. } => Ok(vec![Event::Revoked]),
        Phase::Revoked { .. } => Ok(vec![]),
        Phase::Denied { .. } | Phase::Expired => Err(Refusal::Ended),
    }
}
