//! Golden bytes (a record once written must stay readable for ever), and what damage does.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::*;
use crate::vault::{MemoryVault, NoVault};

const AT: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);

fn record(seq: u64, event: Event) -> Recorded {
    Recorded { seq, scene_seq: 1, at: AT, scene: SceneId::new("sl-0123456789abcdefghijkl").unwrap(), event }
}

fn created(visitor: Option<Visitor>) -> Event {
    Event::Created(Arc::new(Created {
        account: AccountName::new("main").unwrap(),
        app_id: AppId::new("wx1").unwrap(),
        client: ClientId::new("shop").unwrap(),
        incarnation: Incarnation(300),
        opener: Opener::Page { page: PageId::new("123451").unwrap(), holder: Digest([0xab; 32]) },
        confirmation: Confirmation::Tap,
        qr: QrCode { content: "http://weixin.qq.com/q/02".into(), expires_at: AT },
        expires_at: AT,
        code_ttl: Duration::from_secs(60),
        access_token_ttl: Duration::from_secs(600),
        request: LoginRequest {
            scope: "wechat".into(),
            redirect_uri: Some("https://a/".into()),
            state: Some("s".into()),
            nonce: Some("n".into()),
            code_challenge: Some(Digest([0xcd; 32])),
            ui_locales: Some("zh-CN".into()),
            purpose: Purpose::Bind,
        },
        visitor,
    }))
}

fn one_of_each() -> Vec<Event> {
    vec![
        created(None),
        Event::Scanned(Scanned {
            account: AccountName::new("main").unwrap(),
            person: Person::known(OpenId::new("oAlice").unwrap()),
        }),
        Event::Confirmed(Confirmed { code_expires_at: AT }),
        Event::Denied(DenyReason::NotMe),
        Event::Expired,
        Event::Redeemed(Redeemed { access_token_expires_at: AT }),
        Event::Revoked,
    ]
}

/// The same with what version 2 seals, as it is read back.
fn sealed() -> Vec<Event> {
    let account = AccountName::new("main").unwrap();
    let openid = OpenId::new("oAlice").unwrap();
    let handle = vault().person(&account, &openid);
    let scanned = |person| Event::Scanned(Scanned { account: account.clone(), person });
    let follower = |openid: &OpenId| Follower {
        account: account.clone(),
        person: Person::Known { openid: openid.clone(), unionid: None, handle: Some(handle) },
    };
    vec![
        created(None),
        created(Some(Visitor::new("203.0.113.9", Some("Browser/1 (of Alice)")))),
        created(Some(Visitor::new("2001:db8::1", None))),
        scanned(Person::Known { openid: openid.clone(), unionid: None, handle: Some(handle) }),
        Event::Forgotten(Forgotten { account: account.clone(), person: handle }),
        Event::Subscribed(follower(&openid)),
        Event::Unsubscribed(follower(&openid)),
    ]
}

/// The same with what version 3 seals.
fn with_unionid() -> Event {
    let account = AccountName::new("main").unwrap();
    let openid = OpenId::new("oAlice").unwrap();
    let handle = vault().person(&account, &openid);
    let unionid = Some(UnionId::new("uAlice").unwrap());
    Event::Scanned(Scanned { account, person: Person::Known { openid, unionid, handle: Some(handle) } })
}

fn vault() -> MemoryVault {
    MemoryVault::with_seed([7; 32])
}

fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn golden(text: &str) -> Vec<Vec<u8>> {
    text.lines().map(|line| from_hex(line.split_once(' ').unwrap().1)).collect()
}

fn chunk(records: &[Recorded]) -> Vec<u8> {
    let mut builder = ChunkBuilder::new(records[0].seq);
    builder.push(&encode_records(records, &vault()).unwrap(), records.len());
    builder.finish(records[0].seq - 1).unwrap().value
}

/// As programs of layout 1 wrote it.
fn chunk_of_layout_1(records: &[Recorded]) -> Vec<u8> {
    let count = u16::try_from(records.len()).unwrap().to_le_bytes();
    [b"SLJ1".as_slice(), &count, &records[0].seq.to_le_bytes(), &encode_records(records, &vault()).unwrap()].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn records_of_version_1_have_these_bytes_for_ever() {
    let golden = golden(include_str!("golden_v1.txt"));
    assert_eq!(golden.len(), one_of_each().len());
    for ((seq, event), bytes) in (1..).zip(one_of_each()).zip(golden) {
        assert_eq!(decode_chunk(seq, &bytes, &NoVault).unwrap(), [record(seq, event.clone())]);
        if schema::version(&event) == 1 {
            assert_eq!(hex(&chunk_of_layout_1(&[record(seq, event)])), hex(&bytes));
        }
    }
}

#[test]
fn records_of_version_2_have_these_bytes_for_ever() {
    let golden = include_str!("golden_v2.txt");
    let now: String = (1..)
        .zip(sealed())
        .map(|(seq, event)| format!("{} {}\n", event.kind().name(), hex(&chunk_of_layout_1(&[record(seq, event)]))))
        .collect();
    assert_eq!(now, golden);
    for ((seq, event), bytes) in (1..).zip(sealed()).zip(self::golden(golden)) {
        assert_eq!(decode_chunk(seq, &bytes, &vault()).unwrap(), [record(seq, event)]);
    }
}

#[test]
fn records_of_version_3_have_these_bytes_for_ever() {
    let (event, golden) = (with_unionid(), include_str!("golden_v3.txt"));
    assert_eq!(format!("scanned {}\n", hex(&chunk_of_layout_1(&[record(1, event.clone())]))), golden);
    assert_eq!(decode_chunk(1, &self::golden(golden)[0], &vault()).unwrap(), [record(1, event)]);
}

#[test]
fn without_the_keys_a_record_is_of_somebody_forgotten_and_holds_nothing_of_them() {
    for event in sealed().into_iter().chain([with_unionid()]) {
        let bytes = chunk(&[record(1, event.clone())]);
        for known in ["oAlice", "uAlice", "203.0.113.9", "2001:db8::1", "Browser/1"] {
            assert!(!bytes.windows(known.len()).any(|window| window == known.as_bytes()), "{known}");
        }
        let [read] = &decode_chunk(1, &bytes, &NoVault).unwrap()[..] else { panic!("there is one record") };
        match (&read.event, event) {
            (Event::Scanned(read), Event::Scanned(written)) => {
                assert_eq!(read.person, Person::Forgotten(written.person.handle().unwrap()));
            }
            (Event::Created(read), Event::Created(written)) => {
                assert_eq!(read.visitor, written.visitor.as_ref().map(|_| Visitor::Forgotten));
            }
            (
                Event::Subscribed(read) | Event::Unsubscribed(read),
                Event::Subscribed(written) | Event::Unsubscribed(written),
            ) => {
                assert_eq!(read.person, Person::Forgotten(written.person.handle().unwrap()));
            }
            (read, written) => assert_eq!(*read, written),
        }
    }
}

#[test]
fn visitors_with_names_of_nearly_one_length_cannot_be_told_apart_by_it() {
    let length = |agent: &str| chunk(&[record(1, created(Some(Visitor::new("203.0.113.9", Some(agent)))))]).len();
    assert_eq!(length("Browser/1"), length("Browser/1.2.3"));
    assert_eq!(length(&"x".repeat(256)), length(&"x".repeat(9000)), "and long ones are cut");
}

#[test]
fn chunks_of_layout_2_have_this_head_for_ever() {
    let chunk = chunk(&[record(7, Event::Expired), record(8, Event::Revoked)]);
    assert_eq!(hex(&chunk[..28]), "534c4a325c0002000700000000000000060000000000000024379f37");
    let (head, length) = whole_chunk(&[chunk.as_slice(), b"more"].concat()).unwrap();
    assert_eq!((head.count, head.first_seq, head.synced, length), (2, 7, 6, chunk.len()));
}

#[test]
fn every_flipped_bit_is_found_out() {
    let records = (5..).zip(one_of_each().into_iter().filter(|event| schema::version(event) == 1).chain(sealed()));
    let records: Vec<_> = records.map(|(seq, event)| record(seq, event)).collect();
    for whole in [chunk(&records), chunk_of_layout_1(&records)] {
        assert_eq!(decode_chunk(5, &whole, &vault()).unwrap(), records);
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode_chunk(5, &flipped, &vault()).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn every_cut_is_found_out() {
    let whole = chunk(&[record(1, created(None)), record(2, Event::Expired)]);
    for length in 0..whole.len() {
        assert!(decode_chunk(1, &whole[..length], &NoVault).is_err(), "cut at {length}");
    }
}

#[test]
fn a_chunk_under_another_sequence_is_found_out() {
    let whole = chunk(&[record(1, Event::Expired)]);
    assert!(decode_chunk(2, &whole, &NoVault).is_err());
}

#[test]
fn an_unknown_schema_version_is_refused_not_guessed() {
    let scene = SceneId::of_the_journal();
    let seal = Seal { vault: &NoVault, scene: &scene, scene_seq: 1 };
    assert!(schema::decode(5, 2, &[], seal).unwrap_err().contains("version 2"));
    assert!(schema::decode(99, 1, &[], seal).unwrap_err().contains("tag 99"));
}

proptest! {
    #[test]
    fn any_bytes_decode_to_something_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..512), tag in any::<u8>(), version in 1..=3u8) {
        let _ = decode_chunk(1, &bytes, &vault());
        let _ = schema::decode(tag, version, &bytes, Seal { vault: &vault(), scene: &SceneId::of_the_journal(), scene_seq: 1 });
    }
}
