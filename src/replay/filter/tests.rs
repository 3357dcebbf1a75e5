use std::sync::Arc;

use crate::domain::{
    AccountName, AppId, ClientId, Confirmation, Confirmed, Created, DenyReason, Digest, Forgotten, Incarnation,
    LoginRequest, Person, PersonHandle, QrCode, Redeemed, Scanned,
};

use super::*;

const START: Timestamp = Timestamp::from_micros(1_767_323_045_000_000);

fn at(seconds: u64) -> Timestamp {
    START.after(Duration::from_secs(seconds))
}

fn created(page: Option<&str>) -> Event {
    let digest = Digest([1; 32]);
    Event::Created(Arc::new(Created {
        account: AccountName::new("main").unwrap(),
        app_id: AppId::new("wx1").unwrap(),
        client: ClientId::new("shop").unwrap(),
        incarnation: Incarnation(1),
        opener: match page {
            Some(page) => Opener::Page { page: PageId::new(page).unwrap(), holder: digest },
            None => Opener::Browser { attach: digest },
        },
        confirmation: Confirmation::Auto,
        qr: QrCode { content: "http://weixin.qq.com/q/02".into(), expires_at: at(360) },
        expires_at: at(300),
        code_ttl: Duration::from_secs(60),
        access_token_ttl: Duration::from_secs(600),
        request: LoginRequest::default(),
        visitor: None,
    }))
}

fn scanned(openid: &str) -> Event {
    Event::Scanned(Scanned {
        account: AccountName::new("main").unwrap(),
        person: Person::known(OpenId::new(openid).unwrap()),
    })
}

fn handle_of(_: &AccountName, openid: &OpenId) -> PersonHandle {
    PersonHandle([openid.as_str().as_bytes()[0]; 16])
}

fn confirmed() -> Event {
    Event::Confirmed(Confirmed { code_expires_at: at(60) })
}

fn redeemed() -> Event {
    Event::Redeemed(Redeemed { access_token_expires_at: at(600) })
}

fn scene(name: &str) -> SceneId {
    SceneId::new(format!("sl-{name:0>22}")).unwrap()
}

/// Numbers the events and lets one pass each second.
fn journal(events: Vec<(&str, Event)>) -> Vec<Recorded> {
    (1..)
        .zip(events)
        .map(|(seq, (name, event))| Recorded { seq, scene_seq: 1, at: at(seq), scene: scene(name), event })
        .collect()
}

fn selected(query: &str, journal: &[Recorded]) -> Vec<u64> {
    let mut selector = read(query).unwrap().selector(Arc::new(handle_of));
    journal.iter().filter(|recorded| selector.matches(recorded)).map(|recorded| recorded.seq).collect()
}

fn read(query: &str) -> Result<Filter, FilterError> {
    let mut filter = Filter::default();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        assert!(filter.set(&key, &value)?, "{key} is no filter's");
    }
    filter.checked()
}

/// Two logins at once: `a` by the original page `123451`, scanned by alice; `b` by a browser, scanned by bob.
fn two_logins() -> Vec<Recorded> {
    journal(vec![
        ("a", created(Some("123451"))),
        ("b", created(None)),
        ("a", scanned("alice")),
        ("b", scanned("bob")),
        ("b", Event::Denied(DenyReason::User)),
        ("a", confirmed()),
        ("a", redeemed()),
        ("a", Event::Revoked),
    ])
}

#[test]
fn nothing_asked_selects_all() {
    assert_eq!(selected("", &two_logins()), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(!read("").unwrap().narrows());
    assert!(read("type=created").unwrap().narrows());
}

#[test]
fn a_session_is_found_by_its_scene_id_and_by_its_page_id() {
    let journal = two_logins();
    assert_eq!(selected("scene=123451", &journal), [1, 3, 6, 7, 8]);
    assert_eq!(selected(&format!("scene={}", scene("a")), &journal), [1, 3, 6, 7, 8]);
    assert_eq!(selected(&format!("scene={}", scene("b")), &journal), [2, 4, 5]);
    assert_eq!(selected("scene=99", &journal), [] as [u64; 0]);
}

#[test]
fn a_user_is_followed_from_the_scan_to_the_end() {
    assert_eq!(selected("openid=alice", &two_logins()), [3, 6, 7, 8]);
    assert_eq!(selected("openid=bob", &two_logins()), [4, 5]);
    assert_eq!(selected("openid=alice&scene=123451&type=redeemed", &two_logins()), [7]);
}

#[test]
fn an_openid_belongs_to_an_account() {
    assert_eq!(selected("openid=alice&account=main", &two_logins()), [3, 6, 7, 8]);
    assert_eq!(selected("openid=alice&account=other", &two_logins()), [] as [u64; 0]);
    assert_eq!(read("account=main").unwrap_err(), FilterError::AccountAlone);
}

#[test]
fn a_page_that_calls_itself_by_a_sessions_scene_id_is_not_taken_for_it() {
    let name = scene("b");
    let journal = journal(vec![("b", created(None)), ("a", created(Some(name.as_str()))), ("b", scanned("bob"))]);
    let filter = read(&format!("scene={name}")).unwrap();
    assert_eq!(filter.scene_id(), Some(name));
    let mut selector = filter.selector(Arc::new(handle_of));
    selector.of_scene_only();
    let found: Vec<u64> = journal.iter().filter(|recorded| selector.matches(recorded)).map(|r| r.seq).collect();
    assert_eq!(found, [1, 3]);
    assert_eq!(read("scene=123451").unwrap().scene_id(), None, "too short for one");
}

#[test]
fn kinds_and_times_narrow_without_losing_the_trail() {
    let journal = two_logins();
    assert_eq!(selected("type=denied&type=revoked", &journal), [5, 8]);
    let since = |seconds| rfc3339_micros(at(seconds));
    assert_eq!(selected(&format!("since={}&until={}", since(4), since(6)), &journal), [4, 5, 6], "both ends count");
    assert_eq!(selected(&format!("scene=123451&since={}", since(6)), &journal), [6, 7, 8]);
}

#[test]
fn what_is_over_is_forgotten() {
    let mut selector = read("openid=alice").unwrap().selector(Arc::new(handle_of));
    let mut events = Vec::new();
    let names: Vec<String> = (0..100).map(|name| name.to_string()).collect();
    for name in &names {
        events.extend([(name.as_str(), scanned("alice")), (name, confirmed()), (name, redeemed())]);
    }
    events.push(("denied", scanned("alice")));
    events.push(("denied", Event::Denied(DenyReason::Number)));
    let journal = journal(events);
    assert!(journal.iter().all(|recorded| selector.matches(recorded)));
    assert_eq!(selector.of_user.scenes.len(), 100, "redeemed ones can still be revoked, denied ones are over");

    let much_later = Recorded { at: at(1000).after(REVOCABLE), ..journal[0].clone() };
    assert!(selector.matches(&much_later));
    assert_eq!((selector.of_user.scenes.len(), selector.of_user.redeemed.len()), (1, 0));
}

#[test]
fn a_query_is_read_back_as_it_was_written() {
    let query = "scene=a%26b&since=2026-01-02T03%3A04%3A05Z&until=2026-01-02T04%3A04%3A05.000001%2B00%3A00\
                 &type=denied&type=expired&openid=o6_bmjr&account=main";
    let filter = read(query).unwrap();
    let mut written = form_urlencoded::Serializer::new(String::new());
    written.extend_pairs(filter.pairs());
    assert_eq!(read(&written.finish()).unwrap(), filter);
    assert_eq!(filter.scene.as_deref(), Some("a&b"));
}

#[test]
fn nonsense_is_refused_with_a_cure() {
    for (query, told) in [
        ("scene=", "`` is neither a scene id nor a page id"),
        ("scene=a%0ab", "`a\\nb` is neither a scene id nor a page id"),
        ("since=15m", "`15m` is not a time"),
        ("type=begun", "`begun` is not a kind of event"),
        ("openid=o6&account=a%20b", "`a b` is no account's name"),
        ("openid=%20", "what is given as openid is none"),
        (
            "since=2026-01-02T03:04:06Z&until=2026-01-02T03:04:05Z",
            "the end of the time asked for (2026-01-02T03:04:05.000000Z) lies before its beginning \
             (2026-01-02T03:04:06.000000Z)",
        ),
    ] {
        let error = read(query).unwrap_err();
        assert_eq!(error.to_string(), told);
        assert!(!error.cure().is_empty());
    }
    assert_eq!(Filter::default().set("sceen", "1"), Ok(false));
}

#[test]
fn a_session_that_is_asked_for_is_seen_from_before_the_time_that_is() {
    let (since, until) = (Some(Timestamp::from_micros(1)), Some(Timestamp::from_micros(2)));
    let filter = Filter { since, until, ..Filter::default() };
    assert_eq!(filter.times(), (since, until));
    assert_eq!(Filter { openid: Some(OpenId::new("alice").unwrap()), ..filter.clone() }.times(), (None, until));
    assert_eq!(Filter { scene: Some("page".into()), ..filter }.times(), (None, until));
}

#[test]
fn a_person_who_was_forgotten_is_still_found_by_the_keyed_hash() {
    let mut selector = read("openid=alice").unwrap().selector(Arc::new(handle_of));
    let account = AccountName::new("main").unwrap();
    let person = handle_of(&account, &OpenId::new("alice").unwrap());
    let scan = |person| Event::Scanned(Scanned { account: account.clone(), person: Person::Forgotten(person) });
    let mut matches = |scene: &str, event| {
        let scene = SceneId::new(format!("sl-{scene:0>22}")).unwrap();
        selector.matches(&Recorded { seq: 1, scene_seq: 1, at: at(1), scene, event })
    };
    assert!(matches("a", scan(person)));
    assert!(!matches("b", scan(PersonHandle([0; 16]))));
    assert!(matches("a", confirmed()));
    let forgotten = |person| Event::Forgotten(Forgotten { account: account.clone(), person });
    assert!(matches("journal", forgotten(person)) && !matches("journal", forgotten(PersonHandle([0; 16]))));
}
