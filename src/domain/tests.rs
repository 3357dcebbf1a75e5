//! Stories first, then what must hold for every order of commands.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

fn after(seconds: u64) -> Timestamp {
    START.after(Duration::from_secs(seconds))
}

fn created(confirmation: Confirmation) -> Created {
    Created {
        account: AccountName::new("main").unwrap(),
        app_id: AppId::new("wx0000000000000000").unwrap(),
        client: ClientId::new("shop").unwrap(),
        incarnation: Incarnation(7),
        opener: Opener::Browser { attach: Digest([1; 32]) },
        confirmation,
        qr: QrCode { content: "http://weixin.qq.com/q/02x".into(), expires_at: after(360) },
        expires_at: after(300),
        code_ttl: Duration::from_secs(60),
        access_token_ttl: Duration::from_secs(600),
        request: LoginRequest { scope: "wechat".into(), ..LoginRequest::default() },
        visitor: Some(Visitor::new("203.0.113.9", Some("Browser/1"))),
    }
}

fn create(confirmation: Confirmation) -> Command {
    Command::Create(Arc::new(created(confirmation)))
}

fn scan_by(openid: &str, seconds: u64) -> Command {
    scan_through("main", openid, seconds)
}

fn scan_through(account: &str, openid: &str, seconds: u64) -> Command {
    Command::Scan(Scan {
        account: AccountName::new(account).unwrap(),
        openid: OpenId::new(openid).unwrap(),
        unionid: None,
        at: after(seconds),
    })
}

fn confirm_by(openid: &str, seconds: u64) -> Command {
    Command::Confirm { openid: OpenId::new(openid).unwrap(), at: after(seconds) }
}

fn redeem_as(client: &str, seconds: u64) -> Command {
    Command::Redeem(Redeem {
        client: ClientId::new(client).unwrap(),
        redirect_uri: None,
        verifier: None,
        at: after(seconds),
    })
}

fn revoke_as(client: &str) -> Command {
    Command::Revoke { client: ClientId::new(client).unwrap() }
}

/// Gives the commands in order and asserts that none was refused.
fn given(commands: &[Command]) -> State {
    commands.iter().fold(State::Absent, |state, command| {
        let events = decide(&state, command).expect("a step of the story was refused");
        events.iter().fold(state, evolve)
    })
}

fn names(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind().name()).collect()
}

#[test]
fn a_scan_of_an_automatic_session_confirms_it_in_the_same_step() {
    let state = given(&[create(Confirmation::Auto)]);
    let events = decide(&state, &scan_by("alice", 10)).unwrap();
    assert_eq!(names(&events), ["scanned", "confirmed"]);
    assert_eq!(events[1], Event::Confirmed(Confirmed { code_expires_at: after(70) }));
}

#[test]
fn a_scan_of_a_tap_session_waits_for_the_press() {
    let state = given(&[create(Confirmation::Tap)]);
    assert_eq!(names(&decide(&state, &scan_by("alice", 10)).unwrap()), ["scanned"]);
    let state = given(&[create(Confirmation::Tap), scan_by("alice", 10)]);
    assert_eq!(names(&decide(&state, &confirm_by("alice", 20)).unwrap()), ["confirmed"]);
    assert_eq!(decide(&state, &confirm_by("mallory", 20)), Err(Refusal::OtherScanner));
}

#[test]
fn the_first_scanner_wins() {
    let state = given(&[create(Confirmation::Tap), scan_by("alice", 10)]);
    assert_eq!(decide(&state, &scan_by("mallory", 11)), Err(Refusal::OtherScanner));
    assert_eq!(decide(&state, &scan_by("alice", 11)), Ok(vec![]), "a repeated scan has its effect once");
}

#[test]
fn a_scan_counts_only_for_sessions_of_its_account() {
    let state = given(&[create(Confirmation::Auto)]);
    assert_eq!(decide(&state, &scan_through("other", "alice", 1)), Err(Refusal::OtherAccount));
}

#[test]
fn a_scan_at_the_last_moment_is_too_late() {
    let state = given(&[create(Confirmation::Auto)]);
    assert!(decide(&state, &scan_by("alice", 299)).is_ok());
    assert_eq!(decide(&state, &scan_by("alice", 300)), Err(Refusal::Ended));
}

#[test]
fn a_code_is_redeemed_once_and_the_second_time_revokes() {
    let confirmed = [create(Confirmation::Auto), scan_by("alice", 10)];
    let state = given(&confirmed);
    assert_eq!(decide(&state, &redeem_as("bank", 11)), Err(Refusal::OtherClient));
    assert_eq!(names(&decide(&state, &redeem_as("shop", 11)).unwrap()), ["redeemed"]);

    let state = [redeem_as("shop", 11)]
        .iter()
        .fold(state, |state, command| decide(&state, command).unwrap().iter().fold(state, evolve));
    assert_eq!(decide(&state, &redeem_as("bank", 12)), Err(Refusal::OtherClient), "others cannot revoke");
    assert_eq!(names(&decide(&state, &redeem_as("shop", 12)).unwrap()), ["revoked"]);
    let state = evolve(state, &Event::Revoked);
    assert_eq!(decide(&state, &redeem_as("shop", 13)), Err(Refusal::AlreadyRedeemed));
}

#[test]
fn a_code_that_is_not_redeemed_in_time_expires() {
    let state = given(&[create(Confirmation::Auto), scan_by("alice", 10)]);
    assert_eq!(decide(&state, &redeem_as("shop", 70)), Err(Refusal::Ended));
    assert_eq!(decide(&state, &Command::Expire { at: after(69) }), Err(Refusal::NotYet(after(70))));
    assert_eq!(decide(&state, &Command::Expire { at: after(70) }), Ok(vec![Event::Expired]));
}

#[test]
fn a_redemption_answers_for_the_challenge_and_the_redirect_uri() {
    let mut asked = created(Confirmation::Auto);
    asked.request.code_challenge = Some(Digest([9; 32]));
    asked.request.redirect_uri = Some("https://shop.example.com/callback".into());
    let state = given(&[Command::Create(Arc::new(asked)), scan_by("alice", 1)]);
    let redeem = |uri: Option<&str>, verifier: Option<[u8; 32]>| {
        decide(
            &state,
            &Command::Redeem(Redeem {
                client: ClientId::new("shop").unwrap(),
                redirect_uri: uri.map(str::to_owned),
                verifier: verifier.map(Digest),
                at: after(2),
            }),
        )
    };
    let uri = Some("https://shop.example.com/callback");
    assert_eq!(redeem(None, Some([9; 32])), Err(Refusal::RedirectUri));
    assert_eq!(redeem(uri, None), Err(Refusal::Verifier));
    assert_eq!(redeem(uri, Some([8; 32])), Err(Refusal::Verifier));
    assert!(redeem(uri, Some([9; 32])).is_ok());

    let plain = given(&[create(Confirmation::Auto), scan_by("alice", 1)]);
    let uncalled_for = Command::Redeem(Redeem {
        client: ClientId::new("shop").unwrap(),
        redirect_uri: None,
        verifier: Some(Digest([9; 32])),
        at: after(2),
    });
    assert_eq!(decide(&plain, &uncalled_for), Err(Refusal::Verifier), "a verifier without a challenge is a downgrade");
}

#[test]
fn who_scanned_may_say_that_it_was_not_them_until_the_end() {
    let not_me = Command::Deny { reason: DenyReason::NotMe };
    let pending = given(&[create(Confirmation::Tap)]);
    assert_eq!(decide(&pending, &not_me), Err(Refusal::NotScanned));
    for steps in
        [vec![create(Confirmation::Tap), scan_by("alice", 1)], vec![create(Confirmation::Auto), scan_by("alice", 1)]]
    {
        let state = given(&steps);
        let events = decide(&state, &not_me).unwrap();
        assert_eq!(events, [Event::Denied(DenyReason::NotMe)]);
        let denied = events.iter().fold(state, evolve);
        assert!(decide(&denied, &redeem_as("shop", 3)).is_err());
    }
    let redeemed = given(&[create(Confirmation::Auto), scan_by("alice", 1), redeem_as("shop", 2)]);
    let user = Command::Deny { reason: DenyReason::User };
    assert_eq!(decide(&redeemed, &user), Err(Refusal::Ended), "only this reason counts so late");
    let revoked = decide(&redeemed, &not_me).unwrap().iter().fold(redeemed, evolve);
    assert!(matches!(revoked.session().unwrap().phase, Phase::Revoked { .. }));
    assert_eq!(decide(&revoked, &not_me), Ok(vec![]), "told again, it has no second effect");
}

#[test]
fn a_session_is_kept_as_long_as_somebody_may_need_it() {
    let redeemed = given(&[create(Confirmation::Auto), scan_by("alice", 10), redeem_as("shop", 11)]);
    assert_eq!(redeemed.session().unwrap().retires_at(), Some(after(611)));

    let mut page = created(Confirmation::Auto);
    page.qr.expires_at = after(500);
    page.opener = Opener::Page { page: PageId::new("123451").unwrap(), holder: Digest([2; 32]) };
    let state = evolve(given(&[Command::Create(Arc::new(page))]), &Event::Expired);
    assert_eq!(
        state.session().unwrap().retires_at(),
        Some(after(500)),
        "its page id is blocked as long as its QR code"
    );
}

#[test]
fn openids_are_not_shown_by_debug() {
    let scanned = format!("{:?}", scan_by("o6_bmjrPTlm6_2sgVt7hMZOPfL2M", 1));
    assert!(!scanned.contains("o6_bmjr"), "{scanned}");
}

#[test]
fn what_a_redemption_gave_is_given_back_by_its_website_alone() {
    let confirmed = given(&[create(Confirmation::Auto), scan_by("alice", 1)]);
    assert_eq!(decide(&confirmed, &revoke_as("shop")), Err(Refusal::NotRedeemed));
    let redeemed = given(&[create(Confirmation::Auto), scan_by("alice", 1), redeem_as("shop", 9)]);
    let Phase::Redeemed { confirmed_at, .. } = redeemed.session().unwrap().phase else { panic!("it is redeemed") };
    assert_eq!(confirmed_at, after(1));
    assert_eq!(decide(&redeemed, &revoke_as("bank")), Err(Refusal::OtherClient));
    assert_eq!(names(&decide(&redeemed, &revoke_as("shop")).unwrap()), ["revoked"]);
    let revoked = evolve(redeemed, &Event::Revoked);
    assert_eq!(decide(&revoked, &revoke_as("shop")), Ok(vec![]));
}

fn any_command() -> impl Strategy<Value = Command> {
    let second = 0..800_u64;
    let person = prop::sample::select(vec!["alice", "mallory"]);
    prop_oneof![
        prop::sample::select(vec![Confirmation::Auto, Confirmation::Tap, Confirmation::Number]).prop_map(create),
        (prop::sample::select(vec!["main", "other"]), person.clone(), second.clone())
            .prop_map(|(account, openid, at)| scan_through(account, openid, at)),
        (person, second.clone()).prop_map(|(openid, at)| confirm_by(openid, at)),
        prop::sample::select(vec![DenyReason::User, DenyReason::Number, DenyReason::NotMe])
            .prop_map(|reason| Command::Deny { reason }),
        second.clone().prop_map(|at| Command::Expire { at: after(at) }),
        (prop::sample::select(vec!["shop", "bank"]), second).prop_map(|(client, at)| redeem_as(client, at)),
        prop::sample::select(vec!["shop", "bank"]).prop_map(revoke_as),
    ]
}

/// All events that the commands cause, refusals left out.
fn play(commands: &[Command]) -> (State, Vec<Event>) {
    let mut state = State::Absent;
    let mut log = vec![];
    for command in commands {
        let Ok(events) = decide(&state, command) else { continue };
        state = events.iter().fold(state, evolve);
        log.extend(events);
    }
    (state, log)
}

fn count(log: &[Event], kind: EventKind) -> usize {
    log.iter().filter(|event| event.kind() == kind).count()
}

proptest! {
    #[test]
    fn nothing_happens_twice_and_nothing_after_the_end(commands in prop::collection::vec(any_command(), 0..24)) {
        let (_, log) = play(&commands);
        for kind in EventKind::ALL {
            prop_assert!(count(&log, kind) <= 1, "{kind:?} twice in {log:?}");
        }
        if let Some(end) = log.iter().position(|event| {
            matches!(event.kind(), EventKind::Denied | EventKind::Expired | EventKind::Revoked)
        }) {
            prop_assert_eq!(end, log.len() - 1, "something came after the end: {:?}", log);
        }
    }

    #[test]
    fn replaying_the_events_gives_the_state_that_deciding_gave(commands in prop::collection::vec(any_command(), 0..24)) {
        let (state, log) = play(&commands);
        prop_assert_eq!(log.iter().fold(State::Absent, evolve), state);
    }

    #[test]
    fn every_command_but_a_redemption_may_arrive_as_often_as_it_likes(
        commands in prop::collection::vec(any_command(), 1..16),
        repeated in 0..16_usize,
    ) {
        let repeated = repeated % commands.len();
        prop_assume!(!matches!(commands[repeated], Command::Redeem(_)));
        let mut twice = commands.clone();
        twice.insert(repeated, commands[repeated].clone());
        prop_assert_eq!(play(&commands), play(&twice));
    }

    #[test]
    fn evolve_takes_any_events_in_any_order(commands in prop::collection::vec(any_command(), 0..24), cut in 0..24_usize) {
        let (_, mut log) = play(&commands);
        if !log.is_empty() {
            let middle = cut % log.len();
            log.rotate_left(middle);
        }
        let _ = log.iter().fold(State::Absent, evolve);
    }
}

/// As after a restart with keys that are lost; forgetting itself denies first.
#[test]
fn for_a_person_who_is_forgotten_nothing_goes_on() {
    let forgotten = |state: State| match state {
        State::Present(session) => {
            let handle = PersonHandle([1; 16]);
            let person = Person::Forgotten(handle);
            let phase = match session.phase {
                Phase::Scanned { .. } => Phase::Scanned { person },
                Phase::Confirmed { code_expires_at, .. } => Phase::Confirmed { person, code_expires_at },
                other => other,
            };
            State::Present(Session { phase, ..session })
        }
        State::Absent => State::Absent,
    };
    let scanned = forgotten(given(&[create(Confirmation::Tap), scan_by("alice", 1)]));
    assert_eq!(decide(&scanned, &confirm_by("alice", 2)), Err(Refusal::OtherScanner));
    assert_eq!(decide(&scanned, &scan_by("alice", 2)), Err(Refusal::OtherScanner));
    let confirmed = forgotten(given(&[create(Confirmation::Auto), scan_by("alice", 1)]));
    assert_eq!(decide(&confirmed, &redeem_as("shop", 2)), Err(Refusal::Ended));
    assert_eq!(confirmed.session().unwrap().openid(), None);
    assert_eq!(names(&decide(&confirmed, &Command::Expire { at: after(400) }).unwrap()), ["expired"]);
}

#[test]
fn what_a_browser_says_of_itself_is_cut_and_not_shown() {
    let long = "é".repeat(200);
    let visitor = Visitor::new("203.0.113.9", Some(&long));
    assert_eq!(format!("{visitor:?}"), "Visitor(…)");
    let Visitor::Known { user_agent: Some(user_agent), .. } = visitor else { panic!("it is known") };
    assert_eq!(user_agent.len(), Visitor::MAX_USER_AGENT);
    assert_eq!(*user_agent, *"é".repeat(128));
}
