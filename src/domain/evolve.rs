use super::{DenyReason, Event, Phase, Session, State};

/// The state after `event`. Total: an event that `decide` would not have made in `state` leaves it as it is.
#[must_use]
pub fn evolve(state: State, event: &Event) -> State {
    let session = match (state, event) {
        (State::Absent, Event::Created(created)) => {
            return State::Present(Session { created: created.clone(), phase: Phase::Pending });
        }
        (State::Absent, _) => return State::Absent,
        (State::Present(session), _) => session,
    };
    let phase = match (session.phase, event) {
        (Phase::Pending, Event::Scanned(scanned)) => Phase::Scanned { person: scanned.person.clone() },
        (Phase::Scanned { person }, Event::Confirmed(confirmed)) => {
            Phase::Confirmed { person, code_expires_at: confirmed.code_expires_at }
        }
        (Phase::Pending | Phase::Scanned { .. } | Phase::Confirmed { .. }, Event::Denied(reason)) => {
            Phase::Denied { reason: *reason }
        }
        (Phase::Pending | Phase::Scanned { .. } | Phase::Confirmed { .. }, Event::Expired) => Phase::Expired,
        (Phase::Confirmed { person, .. }, Event::Redeemed(redeemed)) => {
            Phase::Redeemed { person, access_token_expires_at: redeemed.access_token_expires_at }
        }
        (Phase::Redeemed { person, .. }, Event::Revoked | Event::Denied(DenyReason::NotMe)) => {
            Phase::Revoked { person }
        }
        (phase, _) => phase,
    };
    State::Present(Session { created: session.created, phase })
}
