use super::{Event, Phase, Session, State};

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
        (Phase::Pending, Event::Scanned(scanned)) => Phase::Scanned { openid: scanned.openid.clone() },
        (Phase::Scanned { openid }, Event::Confirmed(confirmed)) => {
            Phase::Confirmed { openid, code_expires_at: confirmed.code_expires_at }
        }
        (Phase::Pending | Phase::Scanned { .. } | Phase::Confirmed { .. }, Event::Denied(reason)) => {
            Phase::Denied { reason: *reason }
        }
        (Phase::Pending | Phase::Scanned { .. } | Phase::Confirmed { .. }, Event::Expired) => Phase::Expired,
        (Phase::Confirmed { openid, .. }, Event::Redeemed(redeemed)) => {
            Phase::Redeemed { openid, access_token_expires_at: redeemed.access_token_expires_at }
        }
        (Phase::Redeemed { openid, .. }, Event::Revoked) => Phase::Revoked { openid },
        (phase, _) => phase,
    };
    State::Present(Session { created: session.created, phase })
}
