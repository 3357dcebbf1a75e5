//! A month of three websites, as it might be: enough to see what a report looks like.

use std::sync::Arc;
use std::time::Duration;

use scan_login::domain::*;

/// The same every time.
struct Chance(u64);

impl Chance {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let high = u32::try_from(self.0 >> 32).unwrap_or_default();
        f64::from(high) / f64::from(u32::MAX)
    }

    fn is(&mut self, probability: f64) -> bool {
        self.next() < probability
    }

    /// Around the middle, with a long tail, as people are.
    fn takes(&mut self, middle: f64, spread: f64) -> Duration {
        let sum: f64 = (0..6).map(|_| self.next()).sum::<f64>() - 3.0;
        Duration::from_secs_f64(middle * (sum * spread).exp())
    }
}

/// How busy each hour of a day is.
const HOURS: [f64; 24] = [
    0.3, 0.15, 0.1, 0.08, 0.08, 0.12, 0.3, 0.7, 1.2, 1.5, 1.6, 1.4, 1.2, 1.3, 1.5, 1.5, 1.4, 1.3, 1.2, 1.4, 1.7, 1.6,
    1.1, 0.6,
];

/// All events of `days` from `start` on, with about so many sessions a day.
pub fn month(start: Timestamp, days: u64, a_day: f64) -> Vec<Recorded> {
    let mut chance = Chance(7);
    let mut events = Vec::new();
    for hour in 0..days * 24 {
        let (day, of_day) = (hour / 24, usize::try_from(hour % 24).unwrap());
        let weekend = if day % 7 == 2 || day % 7 == 3 { 0.7 } else { 1.0 };
        let sessions = (a_day / 24.0 * HOURS[of_day] * weekend * (0.8 + 0.4 * chance.next())).round();
        // WeChat was away for some hours of one day.
        let is_away = day == 17 && (13..17).contains(&of_day);
        for _ in 0..sessions as u64 {
            let at = start.after(Duration::from_secs_f64((hour as f64 + chance.next()) * 3600.0));
            session(&mut chance, events.len(), at, is_away, &mut events);
        }
    }
    events.sort_by_key(|recorded: &Recorded| recorded.at);
    (1..).zip(&mut events).for_each(|(seq, recorded)| recorded.seq = seq);
    events
}

fn session(chance: &mut Chance, name: usize, at: Timestamp, is_away: bool, events: &mut Vec<Recorded>) {
    let scene = SceneId::new(format!("sl-{name:0>22}")).unwrap();
    let created = created(["shop", "shop", "shop", "portal", "legacy"][(chance.next() * 4.99) as usize], at);
    let expires_at = created.expires_at;
    let mut scene_seq = 0;
    let mut record = |at, event| {
        scene_seq += 1;
        events.push(Recorded { seq: 0, scene_seq, at, scene: scene.clone(), event });
    };
    record(at, Event::Created(Arc::new(created)));
    if chance.is(0.012) {
        return record(at.after(chance.takes(20.0, 0.8)), Event::Denied(DenyReason::Browser));
    }
    let scanned = at.after(chance.takes(7.5, 0.9));
    if chance.is(if is_away { 0.9 } else { 0.11 }) || scanned >= expires_at {
        return record(expires_at.after(Duration::from_millis(3)), Event::Expired);
    }
    let openid = OpenId::new(format!("o-{name}")).unwrap();
    record(
        scanned,
        Event::Scanned(Scanned { account: AccountName::new("main").unwrap(), person: Person::known(openid) }),
    );
    let next = scanned.after(chance.takes(3.8, 0.7));
    for (probability, reason) in
        [(0.014, DenyReason::Number), (0.006, DenyReason::NotMe), (0.004, DenyReason::User), (0.001, DenyReason::Admin)]
    {
        if chance.is(probability) {
            return record(next, Event::Denied(reason));
        }
    }
    if chance.is(0.02) || next >= expires_at {
        return record(expires_at.after(Duration::from_millis(3)), Event::Expired);
    }
    let code_expires_at = next.after(Duration::from_secs(60));
    record(next, Event::Confirmed(Confirmed { code_expires_at }));
    let redeemed = next.after(chance.takes(0.32, 0.8));
    if chance.is(0.006) {
        return record(code_expires_at, Event::Expired);
    }
    record(redeemed, Event::Redeemed(Redeemed { access_token_expires_at: redeemed.after(Duration::from_secs(600)) }));
    if chance.is(0.0004) {
        record(redeemed.after(Duration::from_secs(2)), Event::Revoked);
    }
}

fn created(client: &str, at: Timestamp) -> Created {
    Created {
        account: AccountName::new("main").unwrap(),
        app_id: AppId::new("wx1").unwrap(),
        client: ClientId::new(client).unwrap(),
        incarnation: Incarnation(1),
        opener: Opener::Browser { attach: Digest([1; 32]) },
        confirmation: Confirmation::Number,
        qr: QrCode { content: "http://weixin.qq.com/q/02".into(), expires_at: at.after(Duration::from_secs(360)) },
        expires_at: at.after(Duration::from_secs(300)),
        code_ttl: Duration::from_secs(60),
        access_token_ttl: Duration::from_secs(600),
        request: LoginRequest::default(),
        visitor: None,
    }
}
