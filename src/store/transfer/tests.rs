//! Golden bytes (an export once written must stay readable for ever), and what damage does.

use data_encoding::HEXLOWER;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::store::{Beginning, RawRecord};

/// Written by version 0.1.0; never to be changed.
const VERSION_1: &str = r#"{"format":"scan-login journal","version":1,"first":1,"program":"0.1.0"}
{"seq":1,"body":"AQECAw=="}
{"seq":2,"body":""}
{"seq":5,"body":"/+8="}
{"records":3,"last":7,"missing":[[3,4],[6,7]],"doubtful":[[5,5]],"sha256":"SHA256"}
"#;
const VERSION_1_SHA256: &str = "4a740600cd33f72fa20056a4e0d23546963c277dc190c0ba60a2340a5186e834";

fn version_1() -> String {
    VERSION_1.replace("SHA256", VERSION_1_SHA256)
}

fn records() -> Vec<RawRecord> {
    let record = |seq, body: &[u8]| RawRecord { seq, body: body.to_vec() };
    vec![record(1, &[1, 1, 2, 3]), record(2, &[]), record(5, &[0xff, 0xef])]
}

fn written(records: &[RawRecord], last: u64) -> (Vec<u8>, Summary) {
    let mut writer = ExportWriter::begin(Vec::new(), &Beginning::default()).unwrap();
    for record in records {
        writer.record(record).unwrap();
    }
    writer.finish(last).unwrap()
}

fn read(bytes: &[u8]) -> Result<(Vec<RawRecord>, Summary), ExportError> {
    let mut reader = ExportReader::begin(bytes)?;
    let mut records = Vec::new();
    while let Some(record) = reader.next_record()? {
        records.push(record);
    }
    Ok((records, reader.summary().unwrap().clone()))
}

#[test]
fn exports_of_version_1_have_these_bytes_for_ever() {
    let mut writer = ExportWriter::begin(Vec::new(), &Beginning::default()).unwrap();
    writer.record(&records()[0]).unwrap();
    writer.record(&records()[1]).unwrap();
    writer.doubtful(&records()[2]).unwrap();
    let (bytes, _) = writer.finish(7).unwrap();
    let today = version_1().replacen("0.1.0", env!("CARGO_PKG_VERSION"), 1);
    let without_sum = |text: &str| text.rsplit_once("\"sha256\"").unwrap().0.to_owned();
    assert_eq!(without_sum(&String::from_utf8(bytes).unwrap()), without_sum(&today));

    let (found, summary) = read(version_1().as_bytes()).unwrap();
    assert_eq!(found, records());
    assert_eq!((summary.records, summary.last), (3, 7));
    assert_eq!((summary.missing, summary.doubtful), (vec![(3, 4), (6, 7)], vec![(5, 5)]));
}

/// A log without its first 256 records; never to be changed.
const VERSION_2: &str = r#"{"format":"scan-login journal","version":2,"first":257,"program":"0.1.0","removed":["BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="]}
{"seq":257,"body":"AQECAw=="}
{"records":1,"last":257,"missing":[],"doubtful":[],"sha256":"SHA256"}
"#;

#[test]
fn exports_of_version_2_tell_what_the_tree_needs_of_removed_records() {
    let (lines, last) = VERSION_2.split_at(VERSION_2.find("{\"records").unwrap());
    let text = [lines, &last.replace("SHA256", &HEXLOWER.encode(&Sha256::digest(lines)))].concat();
    let beginning = Beginning { first: 257, edge: vec![[7; 32]] };
    let mut writer = ExportWriter::begin(Vec::new(), &beginning).unwrap();
    writer.record(&RawRecord { seq: 257, body: vec![1, 1, 2, 3] }).unwrap();
    let bytes = writer.finish(257).unwrap().0;
    if env!("CARGO_PKG_VERSION") == "0.1.0" {
        assert_eq!(String::from_utf8(bytes).unwrap(), text);
    }
    let mut reader = ExportReader::begin(text.as_bytes()).unwrap();
    assert_eq!(*reader.beginning(), beginning);
    assert_eq!(reader.next_record().unwrap().unwrap().seq, 257);
    assert!(reader.next_record().unwrap().is_none());
    assert!(reader.summary().unwrap().is_whole());
    for (what, other) in
        [("\"version\":2", "\"version\":1"), ("257,\"program", "258,\"program"), ("\"BwcH", "\"BwcHBwcH")]
    {
        let other = text.replacen(what, other, 1);
        assert!(matches!(ExportReader::begin(other.as_bytes()), Err(ExportError::Damaged { line: 1, .. })), "{other}");
    }
}

#[test]
fn the_export_of_nothing_is_an_export() {
    let (bytes, summary) = written(&[], 0);
    assert!(summary.is_whole());
    assert_eq!(read(&bytes).unwrap(), (vec![], summary));
}

#[test]
fn what_is_no_export_or_a_newer_one_is_told_apart() {
    for foreign in ["", "{}\n", "{\"seq\":1}\n", "\u{1f}\u{8b}", "{\"format\":\"another\",\"version\":1}\n", "[]\n"] {
        assert!(matches!(read(foreign.as_bytes()), Err(ExportError::Foreign)), "{foreign:?}");
    }
    let newer = "{\"format\":\"scan-login journal\",\"version\":3,\"shape\":\"unknown\"}\n";
    assert!(matches!(read(newer.as_bytes()), Err(ExportError::Newer(3))));
}

#[test]
fn every_flipped_bit_is_found_out() {
    let text = version_1();
    for bit in 0..text.len() * 8 {
        let mut bytes = text.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&bytes).is_err(), "bit {bit}: {}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn every_truncation_and_whatever_follows_is_found_out() {
    let text = version_1();
    for length in 0..text.len() {
        assert!(read(&text.as_bytes()[..length]).is_err(), "cut after {length} bytes");
    }
    for more in ["\n", " ", "{\"seq\":8,\"body\":\"\"}\n"] {
        assert!(read((text.clone() + more).as_bytes()).is_err(), "{more:?} follows");
    }
}

#[test]
fn lines_that_are_left_out_doubled_or_exchanged_are_found_out() {
    let text = version_1();
    let lines: Vec<&str> = text.lines().collect();
    let refused = |lines: &[&str]| assert!(read((lines.join("\n") + "\n").as_bytes()).is_err(), "{lines:?}");
    for at in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(at);
        refused(&without);
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at]);
        refused(&doubled);
        let mut exchanged = lines.clone();
        exchanged.swap(at, (at + 1) % lines.len());
        refused(&exchanged);
    }
}

#[test]
fn a_line_without_an_end_is_not_read_into_memory() {
    let endless = io::BufReader::new(io::repeat(b'x'));
    assert!(matches!(ExportReader::begin(endless), Err(ExportError::Foreign)));
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..40),
        jumps in prop::collection::vec(1_u64..4, 40),
        more in 0_u64..5,
    ) {
        let mut seq = 0;
        let records: Vec<RawRecord> = bodies.into_iter().zip(jumps).map(|(body, jump)| {
            seq += jump;
            RawRecord { seq, body }
        }).collect();
        let (bytes, summary) = written(&records, seq + more);
        let missing: u64 = summary.missing.iter().map(|(first, last)| last - first + 1).sum();
        prop_assert_eq!(missing + summary.records, seq + more);
        prop_assert_eq!(read(&bytes).unwrap(), (records, summary));
    }

    #[test]
    fn damage_anywhere_is_found_out(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..20),
        place in any::<prop::sample::Index>(),
        flip in 1_u8..,
        cut in any::<bool>(),
    ) {
        let records: Vec<RawRecord> =
            (1..).zip(bodies).map(|(seq, body)| RawRecord { seq, body }).collect();
        let (mut bytes, _) = written(&records, records.len() as u64);
        let place = place.index(bytes.len());
        if cut { bytes.truncate(place) } else { bytes[place] ^= flip }
        prop_assert!(read(&bytes).is_err());
    }
}
