//! Golden bytes (a record once written must stay readable for ever), and what damage does.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::*;

const AT: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);

fn record(seq: u64, event: Event) -> Recorded {
    Recorded { seq, scene_seq: 1, at: AT, scene: SceneId::new("sl-0123456789abcdefghijkl").unwrap(), event }
}

fn created() -> Event {
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
    }))
}

fn one_of_each() -> Vec<Event> {
    vec![
        created(),
        Event::Scanned(Scanned { account: AccountName::new("main").unwrap(), openid: OpenId::new("oAlice").unwrap() }),
        Event::Confirmed(Confirmed { code_expires_at: AT }),
        Event::Denied(DenyReason::NotMe),
        Event::Expired,
        Event::Redeemed(Redeemed { access_token_expires_at: AT }),
        Event::Revoked,
    ]
}

fn chunk(records: &[Recorded]) -> Vec<u8> {
    let mut builder = ChunkBuilder::new(records[0].seq);
    builder.push(&encode_records(records).unwrap(), records.len());
    builder.finish(records[0].seq - 1).unwrap().value
}

/// As programs of layout 1 wrote it.
fn chunk_of_layout_1(records: &[Recorded]) -> Vec<u8> {
    let count = u16::try_from(records.len()).unwrap().to_le_bytes();
    [b"SLJ1".as_slice(), &count, &records[0].seq.to_le_bytes(), &encode_records(records).unwrap()].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn records_of_version_1_have_these_bytes_for_ever() {
    let golden = include_str!("golden_v1.txt");
    let now: String = (1..)
        .zip(one_of_each())
        .map(|(seq, event)| {
            let name = event.kind().name();
            format!("{name} {}\n", hex(&chunk_of_layout_1(&[record(seq, event)])))
        })
        .collect();
    assert_eq!(now, golden);
}

#[test]
fn golden_records_decode_to_what_they_were() {
    for ((seq, event), line) in (1..).zip(one_of_each()).zip(include_str!("golden_v1.txt").lines()) {
        let (_, hex) = line.split_once(' ').unwrap();
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        assert_eq!(decode_chunk(seq, &bytes).unwrap(), [record(seq, event)]);
    }
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
    let records: Vec<_> = (5..).zip(one_of_each()).map(|(seq, event)| record(seq, event)).collect();
    for whole in [chunk(&records), chunk_of_layout_1(&records)] {
        assert_eq!(decode_chunk(5, &whole).unwrap(), records);
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode_chunk(5, &flipped).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn every_cut_is_found_out() {
    let whole = chunk(&[record(1, created()), record(2, Event::Expired)]);
    for length in 0..whole.len() {
        assert!(decode_chunk(1, &whole[..length]).is_err(), "cut at {length}");
    }
}

#[test]
fn a_chunk_under_another_sequence_is_found_out() {
    let whole = chunk(&[record(1, Event::Expired)]);
    assert!(decode_chunk(2, &whole).is_err());
}

#[test]
fn an_unknown_schema_version_is_refused_not_guessed() {
    assert!(schema::decode(5, 2, &[]).unwrap_err().contains("version 2"));
    assert!(schema::decode(99, 1, &[]).unwrap_err().contains("tag 99"));
}

proptest! {
    #[test]
    fn any_bytes_decode_to_something_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..512), tag in any::<u8>()) {
        let _ = decode_chunk(1, &bytes);
        let _ = schema::decode(tag, 1, &bytes);
    }
}
