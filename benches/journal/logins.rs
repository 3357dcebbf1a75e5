//! Logins as the daemon records them: created, scanned, confirmed, redeemed.

use std::sync::Arc;
use std::time::Duration;

use scan_login::domain::*;

/// As long as those of today.
const USER_AGENT: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";
const NOW: i64 = 1_767_323_045_678_901;

/// Characters that nobody could guess or compress, as in real ids, tickets and states: six bits each.
fn random(number: u64, salt: u64, length: usize) -> String {
    const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = number.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ salt.wrapping_mul(0xd6e8_feb8_6659_fd93);
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        char::from(CHARACTERS[usize::try_from((mixed ^ (mixed >> 31)) % 64).unwrap()])
    };
    (0..length).map(|_| next()).collect()
}

pub fn scene(number: u64) -> SceneId {
    SceneId::new(format!("sl-{}", random(number, 1, 22))).unwrap()
}

pub fn at(number: u64) -> Timestamp {
    Timestamp::from_micros(NOW + i64::try_from(number).unwrap() * 1000)
}

fn later(number: u64, seconds: i64) -> Timestamp {
    Timestamp::from_micros(at(number).as_micros() + seconds * 1_000_000)
}

/// As [`created`], for a visitor of whom nothing was told: no key is made for it.
pub fn created_for_nobody(number: u64) -> Event {
    let Event::Created(created) = created(number) else { unreachable!("that is what it makes") };
    Event::Created(Arc::new(Created { visitor: None, ..Arc::unwrap_or_clone(created) }))
}

pub fn created(number: u64) -> Event {
    let digest = |salt: u64| {
        let mut bytes = [0; 32];
        for (place, part) in (1..).zip(bytes.chunks_mut(8)) {
            part.copy_from_slice(&(number ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15 + 2 * place).to_le_bytes());
        }
        Digest(bytes)
    };
    Event::Created(Arc::new(Created {
        account: AccountName::new("main").unwrap(),
        app_id: AppId::new("wx8888888888888888").unwrap(),
        client: ClientId::new("shop").unwrap(),
        incarnation: Incarnation(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        opener: Opener::Browser { attach: digest(1) },
        confirmation: Confirmation::Auto,
        qr: QrCode {
            content: format!("http://weixin.qq.com/q/02{}", random(number, 2, 20)),
            expires_at: later(number, 300),
        },
        expires_at: later(number, 300),
        code_ttl: Duration::from_secs(60),
        access_token_ttl: Duration::from_secs(600),
        request: LoginRequest {
            scope: "openid".into(),
            redirect_uri: Some("https://shop.example/login/callback".into()),
            state: Some(random(number, 3, 32)),
            nonce: None,
            code_challenge: Some(digest(2)),
            ui_locales: None,
            purpose: Purpose::Login,
        },
        visitor: Some(Visitor::new("203.0.113.9", Some(USER_AGENT))),
    }))
}

fn scanned(number: u64) -> Event {
    let openid = OpenId::new(format!("oX{}", random(number, 4, 26))).unwrap();
    Event::Scanned(Scanned { account: AccountName::new("main").unwrap(), person: Person::known(openid) })
}

/// What one login appends: the scan of a website that asks nobody confirms at once.
pub fn steps(number: u64) -> [(u32, Vec<Event>); 3] {
    [
        (0, vec![created(number)]),
        (1, vec![scanned(number), Event::Confirmed(Confirmed { code_expires_at: later(number, 60) })]),
        (3, vec![Event::Redeemed(Redeemed { access_token_expires_at: later(number, 600) })]),
    ]
}
