use std::time::Duration;

use super::*;
use crate::domain::*;

fn half(page: &str, holder: u8) -> PageHolder {
    PageHolder {
        page: PageId::new(page).unwrap(),
        holder: Digest([holder; 32]),
        network: IpAddr::from([127, 0, 0, holder]),
    }
}

fn cell(pages: &mut Pages, half: &PageHolder) -> Result<Arc<Cell>, PageRefusal> {
    let feed = pages.reserve(half)?;
    let at = Timestamp::from_micros(0);
    let created = Created {
        account: AccountName::new("main").unwrap(),
        app_id: AppId::new("wx1").unwrap(),
        client: ClientId::new("legacy").unwrap(),
        incarnation: Incarnation(1),
        opener: Opener::Page { page: half.page.clone(), holder: half.holder },
        confirmation: Confirmation::Auto,
        qr: QrCode { content: "http://weixin.qq.com/q/02".into(), expires_at: at },
        expires_at: at,
        code_ttl: Duration::ZERO,
        access_token_ttl: Duration::ZERO,
        request: LoginRequest::default(),
        visitor: None,
    };
    let scene = SceneId::new(format!("sl-{:0>22}", half.page.as_str())).unwrap();
    let cell = Cell::new(scene, Arc::new(created), feed, None);
    pages.attach(&cell);
    Ok(cell)
}

fn pages(most_unclaimed: usize) -> Pages {
    let mut pages = Pages::default();
    pages.limit_unclaimed(most_unclaimed);
    pages
}

#[test]
fn either_half_may_come_first() {
    let mut pages = pages(32);
    cell(&mut pages, &half("code-first", 1)).unwrap();
    assert!(pages.claim(&half("code-first", 1)).is_ok());

    assert!(pages.claim(&half("connection-first", 1)).is_ok());
    let connected = cell(&mut pages, &half("connection-first", 1)).unwrap();
    let (_, seen) = pages.claim(&half("connection-first", 1)).unwrap();
    connected.publish(Arc::default(), true, None);
    assert!(seen.has_ended(), "the connection watches the session that came later");
}

#[test]
fn a_half_from_elsewhere_is_refused_and_changes_nothing() {
    let mut pages = pages(32);
    cell(&mut pages, &half("1", 1)).unwrap();
    assert_eq!(pages.claim(&half("1", 2)).err(), Some(PageRefusal::Taken));
    assert!(pages.claim(&half("1", 1)).is_ok());

    pages.claim(&half("2", 1)).unwrap();
    assert_eq!(cell(&mut pages, &half("2", 2)).err(), Some(PageRefusal::Taken));
    assert!(cell(&mut pages, &half("2", 1)).is_ok());
}

#[test]
fn an_id_is_used_once_until_its_qr_code_is_gone() {
    let mut pages = pages(32);
    let first = cell(&mut pages, &half("1", 1)).unwrap();
    assert_eq!(cell(&mut pages, &half("1", 1)).err(), Some(PageRefusal::Taken), "two sessions never share an id");
    assert!(matches!(pages.look_up(&half("1", 1)), Ok(Halves::Code(_))), "its holder may see the same code again");
    first.publish(Arc::default(), true, None);
    assert_eq!(pages.look_up(&half("1", 1)).err(), Some(PageRefusal::Taken));
    assert_eq!(pages.claim(&half("1", 1)).err(), Some(PageRefusal::Taken));
    pages.detach(&first);
    assert!(cell(&mut pages, &half("1", 2)).is_ok());
}

#[test]
fn an_address_holds_few_ids_of_which_only_one_half_has_come() {
    let mut pages = pages(2);
    cell(&mut pages, &half("1", 1)).unwrap();
    let (second, _) = pages.claim(&half("2", 1)).unwrap();
    assert_eq!(cell(&mut pages, &half("3", 1)).err(), Some(PageRefusal::TooManyUnclaimed));
    assert_eq!(pages.claim(&half("3", 1)).err(), Some(PageRefusal::TooManyUnclaimed));
    assert!(pages.claim(&half("3", 2)).is_ok(), "another address is not concerned");
    let (first, _) = pages.claim(&half("1", 1)).unwrap();
    pages.release(&PageId::new("1").unwrap(), first);
    assert!(pages.claim(&half("3b", 1)).is_ok(), "an id whose two halves have come counts no more");
    pages.release(&PageId::new("2").unwrap(), second);
    assert!(pages.claim(&half("4", 1)).is_ok(), "nor does one whose connection is gone");
}

#[test]
fn nothing_is_left_of_ids_that_were_given_back() {
    let mut pages = pages(32);
    let (one, _) = pages.claim(&half("1", 1)).unwrap();
    let (other, _) = pages.claim(&half("1", 1)).unwrap();
    pages.release(&PageId::new("1").unwrap(), one);
    pages.release(&PageId::new("1").unwrap(), one);
    assert_eq!(pages.entries.len(), 1, "one claim is given back once");
    pages.release(&PageId::new("1").unwrap(), other);
    let session = cell(&mut pages, &half("2", 2)).unwrap();
    pages.detach(&session);
    assert!(pages.entries.is_empty() && pages.by_network.is_empty());
}

#[test]
fn a_code_that_is_shown_awaits_its_connection_and_no_other() {
    let mut pages = pages(32);
    let network = half("1", 1).network;
    let awaits = |pages: &Pages| pages.awaits_connection_of(network);
    let (first, _) = pages.claim(&half("connected", 1)).unwrap();
    assert!(!awaits(&pages), "it has come, and its code has not");
    cell(&mut pages, &half("connected", 1)).unwrap();
    assert!(!awaits(&pages));
    let shown = cell(&mut pages, &half("shown", 1)).unwrap();
    assert!(awaits(&pages) && !pages.awaits_connection_of(half("1", 2).network));
    pages.claim(&half("shown", 1)).unwrap();
    assert!(!awaits(&pages));
    pages.release(&half("connected", 1).page, first);
    let over = cell(&mut pages, &half("over", 1)).unwrap();
    over.publish(Arc::default(), true, None);
    assert!(!awaits(&pages), "nobody waits for what is over");
    drop(shown);
}
