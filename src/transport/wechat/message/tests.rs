use proptest::prelude::*;

use super::*;

/// What WeChat pushed when a follower scanned, with the line breaks that it puts between the elements.
const SCAN: &str = "<xml><ToUserName><![CDATA[gh_7f083739789a]]></ToUserName>\n\
    <FromUserName><![CDATA[oia2TjuEGTNoeX76QEjQNrcURxG8]]></FromUserName>\n\
    <CreateTime>1457752395</CreateTime>\n\
    <MsgType><![CDATA[event]]></MsgType>\n\
    <Event><![CDATA[SCAN]]></Event>\n\
    <EventKey><![CDATA[sl-Zm9vYmFyYmF6cXV4MTIzNA]]></EventKey>\n\
    <Ticket><![CDATA[gQHr8ToAAAAAAAAAASxodHRwOi8v]]></Ticket>\n\
    </xml>";

fn event(event: &str, key: &str) -> String {
    SCAN.replace("[SCAN]", &format!("[{event}]")).replace("sl-Zm9vYmFyYmF6cXV4MTIzNA", key)
}

fn parse(body: &[u8]) -> Result<Push, PushError> {
    read(body)?.into_push()
}

fn kind(document: &str) -> Kind {
    parse(document.as_bytes()).expect("a push").kind
}

fn fault(document: &str) -> PushError {
    parse(document.as_bytes()).expect_err("no push")
}

fn follow(scene: &str) -> Kind {
    Kind::Subscribe(CameBy::Scene(scene.to_owned()))
}

#[test]
fn a_scan_tells_who_when_and_what() {
    let push = parse(SCAN.as_bytes()).unwrap();
    assert_eq!(push.from.as_str(), "oia2TjuEGTNoeX76QEjQNrcURxG8");
    assert_eq!(push.to, "gh_7f083739789a");
    assert_eq!(push.create_time, 1_457_752_395);
    assert_eq!(push.kind, Kind::Scan { scene: "sl-Zm9vYmFyYmF6cXV4MTIzNA".into() });
}

#[test]
fn an_xml_declaration_and_layout_change_nothing() {
    let plain = parse(SCAN.as_bytes()).unwrap();
    let declared = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", SCAN.replace('\n', "\n  "));
    assert_eq!(parse(declared.as_bytes()).unwrap(), plain);
    for end_of_line in ["\n", "\r\n"] {
        let indented = SCAN.replace("<CreateTime>1457752395<", "<CreateTime>\n  1457752395\n<");
        assert_eq!(parse(indented.replace('\n', end_of_line).as_bytes()).unwrap(), plain);
    }
    let indented = SCAN.replace("<Event><![CDATA[SCAN]]></Event>", "<Event>\n  <![CDATA[SCAN]]>\n  </Event>");
    assert_eq!(parse(indented.as_bytes()).unwrap(), plain);
}

#[test]
fn a_follow_carries_the_scene_behind_its_prefix() {
    assert_eq!(kind(&event("subscribe", "qrscene_1000000")), follow("1000000"));
    assert_eq!(kind(&event("subscribe", "qrscene_sl-qrscene_x")), follow("sl-qrscene_x"));
    assert_eq!(kind(&event("subscribe", "qrscene_qrscene_x")), follow("qrscene_x"));
}

#[test]
fn an_empty_key_says_nothing_and_other_keys_say_something_else() {
    for key in ["", "qrscene_"] {
        assert_eq!(kind(&event("subscribe", key)), Kind::Subscribe(CameBy::Unknown), "{key}");
    }
    for key in ["last_trade_no_4208450740201411110007820472", "sl-qrscene_x", "scanbarcode|EAN,1"] {
        assert_eq!(kind(&event("subscribe", key)), Kind::Subscribe(CameBy::Otherwise), "{key}");
    }
    for without in ["", "<EventKey/>", "<EventKey></EventKey>"] {
        let document = event("subscribe", "x").replace("<EventKey><![CDATA[x]]></EventKey>", without);
        assert_eq!(kind(&document), Kind::Subscribe(CameBy::Unknown), "{without}");
    }
}

#[test]
fn a_prefix_is_part_of_the_scene_of_a_scan() {
    assert_eq!(kind(&event("SCAN", "qrscene_7")), Kind::Scan { scene: "qrscene_7".into() });
}

#[test]
fn the_case_of_an_event_does_not_count() {
    assert_eq!(kind(&event("scan", "7")), Kind::Scan { scene: "7".into() });
    assert_eq!(kind(&event("SUBSCRIBE", "qrscene_7")), follow("7"));
}

#[test]
fn texts_and_menu_entries_are_told_apart_and_everything_else_is_other() {
    assert_eq!(kind(&event("unsubscribe", "")), Kind::Unsubscribe);
    assert_eq!(kind(&event("SCAN", "")), Kind::Event);
    assert_eq!(kind(&event("VIEW", "https://shop.example.com")), Kind::Event);
    assert_eq!(kind(&event("CLICK", "V1001")), Kind::Click { key: "V1001".into() });
    let text =
        SCAN.replace("[event]", "[text]").replace("<Event><![CDATA[SCAN]]></Event>", "<Content>a &lt; b</Content>");
    assert_eq!(kind(&text), Kind::Text { content: "a < b".into(), menu: None });
    let pressed = text.replace("</xml>", "<bizmsgmenuid>101</bizmsgmenuid></xml>");
    assert_eq!(kind(&pressed), Kind::Text { content: "a < b".into(), menu: Some("101".into()) });
    assert_eq!(kind(&SCAN.replace("[event]", "[image]")), Kind::Message);
    let nested = event("scancode_push", "k")
        .replace("</xml>", "<ScanCodeInfo><ScanType>qrcode</ScanType><EventKey>inner</EventKey></ScanCodeInfo></xml>");
    assert_eq!(kind(&nested), Kind::Event);
}

#[test]
fn json_says_the_same_as_xml() {
    let json = r#"{"ToUserName":"gh_7f083739789a","FromUserName":"oia2TjuEGTNoeX76QEjQNrcURxG8","CreateTime":1457752395,
        "MsgType":"event","Event":"SCAN","EventKey":"sl-Zm9vYmFyYmF6cXV4MTIzNA","Ticket":"gQHr8ToAAA","Else":{"a":[1]}}"#;
    let push = parse(json.as_bytes()).unwrap();
    assert_eq!(push, Push { format: Format::Json, ..parse(SCAN.as_bytes()).unwrap() });
    let quoted = json.replace("1457752395", "\"1457752395\"");
    assert_eq!(parse(quoted.as_bytes()).unwrap(), push, "a relay may quote numbers");
    for broken in [
        json.replace("\"MsgType\"", "\"Else2\""),
        json.replace("1457752395", "-1"),
        json.replace("1457752395", "1.5"),
        json.replace("\"SCAN\"", "7"),
        json.replace("\"Ticket\"", "\"Event\""),
        format!("{json}x"),
        format!("[{json}]"),
        format!("{{\"Else\":{}", "[".repeat(5000)),
    ] {
        assert!(matches!(fault(&broken), PushError::Malformed(_)), "{broken}");
    }
    for length in 0..json.len() {
        assert!(parse(&json.as_bytes()[..length]).is_err(), "cut at {length}");
    }
}

#[test]
fn two_deliveries_have_their_identity_in_common_and_two_pushes_do_not() {
    let identity = |document: &str| parse(document.as_bytes()).unwrap().identity().map(Cow::into_owned);
    assert_eq!(identity(SCAN), identity(&SCAN.replace("gQHr8ToAAAAAAAAAASxodHRwOi8v", "other")));
    for (field, other) in [("1457752395", "1457752396"), ("oia2Tj", "oia2Tk"), ("[SCAN]", "[CLICK]"), ("[sl-", "[tl-")]
    {
        assert_ne!(identity(SCAN), identity(&SCAN.replace(field, other)), "{field}");
    }
    let text = |id: &str| SCAN.replace("[event]", "[text]").replace("</xml>", &format!("<MsgId>{id}</MsgId></xml>"));
    assert_ne!(identity(&text("1")), identity(&text("2")));
}

#[test]
fn references_are_resolved_and_split_cdata_is_joined() {
    assert_eq!(kind(&SCAN.replace("<![CDATA[SCAN]]>", "&#83;CAN")), kind(SCAN));
    assert_eq!(kind(&event("SCAN", "a]]]]><![CDATA[>b")), Kind::Scan { scene: "a]]>b".into() });
    let escaped = SCAN.replace("<![CDATA[sl-Zm9vYmFyYmF6cXV4MTIzNA]]>", "a&amp;b");
    assert_eq!(kind(&escaped), Kind::Scan { scene: "a&b".into() });
}

#[test]
fn the_encrypted_envelope_is_told_apart() {
    let envelope = "<xml><ToUserName><![CDATA[gh_1]]></ToUserName><Encrypt><![CDATA[q+/=]]></Encrypt></xml>";
    let json = r#"{"ToUserName":"gh_1","Encrypt":"q+/="}"#;
    for envelope in [envelope, json] {
        let document = read(envelope.as_bytes()).unwrap();
        assert_eq!((document.encrypted(), document.has_clear()), (Some("q+/="), false));
        assert_eq!(document.into_push(), Err(PushError::Malformed("no FromUserName")));
    }
    let compatible = SCAN.replace("</xml>", "<Encrypt><![CDATA[q+/=]]></Encrypt></xml>");
    let document = read(compatible.as_bytes()).unwrap();
    assert_eq!((document.encrypted(), document.has_clear()), (Some("q+/="), true));
    assert!(!read(SCAN.as_bytes()).unwrap().has_clear() || read(SCAN.as_bytes()).unwrap().encrypted().is_none());
}

#[test]
fn a_document_type_or_an_entity_is_refused() {
    let with_type = format!("<!DOCTYPE xml [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>{SCAN}");
    assert_eq!(fault(&with_type), PushError::Malformed("a document type"));
    assert_eq!(fault(&SCAN.replace("1457752395", "&e;")), PushError::Malformed("an entity"));
    assert_eq!(fault(&SCAN.replace("</xml>", "<Content>&e;</Content></xml>")), PushError::Malformed("an entity"));
}

#[test]
fn a_field_twice_is_refused() {
    for field in ["ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "EventKey", "Encrypt"] {
        let twice = SCAN.replace("</xml>", &format!("<{field}>1</{field}><{field}>1</{field}></xml>"));
        assert_eq!(fault(&twice), PushError::Malformed("a field twice"), "{field}");
    }
}

#[test]
fn a_missing_field_is_named() {
    for (field, message) in [
        ("FromUserName", "no FromUserName"),
        ("ToUserName", "no ToUserName"),
        ("CreateTime", "no CreateTime"),
        ("MsgType", "no MsgType"),
        ("Event", "an event without Event"),
    ] {
        let renamed = SCAN.replace(&format!("<{field}>"), "<Else>").replace(&format!("</{field}>"), "</Else>");
        assert_eq!(fault(&renamed), PushError::Malformed(message));
    }
}

#[test]
fn what_is_no_message_is_refused() {
    for document in [
        "",
        "success",
        "<xml/>",
        "<html></html>",
        &format!("{SCAN}<xml/>"),
        &format!("{SCAN}garbage"),
        &SCAN.replace("<MsgType>", "garbage<MsgType>"),
        &SCAN.replace("<![CDATA[SCAN]]>", "<b>SCAN</b>"),
        &SCAN.replace("<![CDATA[SCAN]]>", "SC<!-- -->AN"),
        &SCAN.replace("1457752395", "-1"),
        &SCAN.replace("1457752395", "99999999999999999999"),
        &SCAN.replace("oia2TjuEGTNoeX76QEjQNrcURxG8", "two words"),
        &SCAN.replace("</xml>", "</Xml>"),
    ] {
        assert!(matches!(fault(document), PushError::Malformed(_)), "{document}");
    }
    let mut not_utf8 = SCAN.as_bytes().to_vec();
    not_utf8[40] = 0xFF;
    assert_eq!(parse(&not_utf8), Err(PushError::Malformed("not UTF-8")));
}

#[test]
fn the_size_is_bounded() {
    let filled = |length: usize| event("SCAN", &"k".repeat(length - event("SCAN", "").len()));
    assert!(parse(filled(MAX_BODY_BYTES).as_bytes()).is_ok());
    assert_eq!(fault(&filled(MAX_BODY_BYTES + 1)), PushError::Malformed("larger than 64 KiB"));
    let deep = "<xml>".repeat(10_000);
    assert!(parse(deep.as_bytes()).is_err());
}

#[test]
fn a_message_cut_off_anywhere_is_refused() {
    for length in 0..SCAN.len() {
        assert!(matches!(parse(&SCAN.as_bytes()[..length]), Err(PushError::Malformed(_))), "cut at {length}");
    }
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn a_damaged_message_gets_an_answer(
        at in 0..SCAN.len(),
        removed in 0..40_usize,
        inserted in proptest::string::string_regex("[<>/!&;#x\\[\\]a-z\u{0}\u{e9}\"'?-]{0,12}").unwrap(),
    ) {
        let end = (at + removed).min(SCAN.len());
        let damaged = [&SCAN.as_bytes()[..at], inserted.as_bytes(), &SCAN.as_bytes()[end..]].concat();
        let _ = parse(&damaged);
    }

    #[test]
    fn every_scene_comes_through(scene in "[A-Za-z0-9_-]{1,64}") {
        prop_assert_eq!(kind(&event("SCAN", &scene)), Kind::Scan { scene: scene.clone() });
        prop_assert_eq!(kind(&event("subscribe", &format!("qrscene_{scene}"))), follow(&scene));
    }
}
