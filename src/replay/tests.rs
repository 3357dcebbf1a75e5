//! Journals to fold: what `decide` makes of any commands to a few sessions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use crate::domain::*;

pub(super) const START: Timestamp = Timestamp::from_micros(1_767_323_045_000_000);

pub(super) fn at(seconds: u64) -> Timestamp {
    START.after(Duration::from_secs(seconds))
}

pub(super) fn scene(name: &str) -> SceneId {
    SceneId::new(format!("sl-{name:0>22}")).unwrap()
}

pub(super) fn created_for(client: &str, confirmation: Confirmation, seconds: u64) -> Created {
    Created {
        account: AccountName::new("main").unwrap(),
        app_id: AppId::new("wx1").unwrap(),
        client: ClientId::new(client).unwrap(),
        incarnation: Incarnation(1),
        opener: Opener::Browser { attach: Digest([1; 32]) },
        confirmation,
        qr: QrCode { content: "http://weixin.qq.com/q/02".into(), expires_at: at(seconds + 360) },
        expires_at: at(seconds + 300),
        code_ttl: Duration::from_secs(60),
        access_token_ttl: Duration::from_secs(600),
        request: LoginRequest::default(),
        visitor: None,
    }
}

/// What somebody does to a session.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Create(Confirmation),
    Scan(&'static str),
    Confirm(&'static str),
    Deny(DenyReason),
    Expire,
    Redeem,
}

fn any_act() -> impl Strategy<Value = Act> {
    let person = prop::sample::select(vec!["alice", "bob"]);
    prop_oneof![
        3 => prop::sample::select(vec![Confirmation::Auto, Confirmation::Tap]).prop_map(Act::Create),
        3 => person.clone().prop_map(Act::Scan),
        2 => person.prop_map(Act::Confirm),
        1 => prop::sample::select(DenyReason::ALL.to_vec()).prop_map(Act::Deny),
        1 => Just(Act::Expire),
        2 => Just(Act::Redeem),
    ]
}

/// Up to 80 acts on six sessions, some seconds to minutes apart.
pub(super) fn any_journal() -> impl Strategy<Value = Vec<Recorded>> {
    prop::collection::vec((0..6_u8, 0..90_u64, any_act()), 0..80).prop_map(|acts| {
        let mut journal = Journal::default();
        let mut now = 0;
        for (name, pause, act) in acts {
            now += pause;
            journal.act(&name.to_string(), now, &act);
        }
        journal.events
    })
}

/// What has been recorded.
#[derive(Default)]
pub(super) struct Journal {
    pub(super) events: Vec<Recorded>,
    states: HashMap<SceneId, (u32, State)>,
}

impl Journal {
    /// Does it `seconds` after the start; what is refused is not recorded.
    pub(super) fn act(&mut self, name: &str, seconds: u64, act: &Act) {
        let client = if name.len().is_multiple_of(2) { "bank" } else { "shop" };
        let openid = |name| OpenId::new(name).unwrap();
        let command = match act {
            Act::Create(confirmation) => Command::Create(Arc::new(created_for(client, *confirmation, seconds))),
            Act::Scan(person) => Command::Scan(Scan {
                account: AccountName::new("main").unwrap(),
                openid: openid(*person),
                unionid: None,
                at: at(seconds),
            }),
            Act::Confirm(person) => Command::Confirm { openid: openid(*person), at: at(seconds) },
            Act::Deny(reason) => Command::Deny { reason: *reason },
            Act::Expire => Command::Expire { at: at(seconds) },
            Act::Redeem => Command::Redeem(Redeem {
                client: ClientId::new(client).unwrap(),
                redirect_uri: None,
                verifier: None,
                at: at(seconds),
            }),
        };
        let scene = scene(name);
        let (scene_seq, state) = self.states.entry(scene.clone()).or_default();
        for event in decide(state, &command).unwrap_or_default() {
            *state = evolve(std::mem::take(state), &event);
            *scene_seq += 1;
            let seq = self.events.len() as u64 + 1;
            self.events.push(Recorded { seq, scene_seq: *scene_seq, at: at(seconds), scene: scene.clone(), event });
        }
    }
}
