use super::conversation::{table, text};
use super::fault::{Complaint, Report};
use super::raw::Node;
use super::section::Section;

/// What is said of a login: `[account.texts.zh-CN]` and `[account.texts.en]`. `{site}` stands for the website's name,
/// `{link}` for the address of the page where the login is confirmed, `{facts}` for from where and with what it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// The login waits for a press: with `{link}`.
    pub confirm: String,
    /// The same where the link must not stand in the reply itself, and follows as a message of its own.
    pub link_follows: String,
    /// The login waits for the page's number, to be written here: with `{facts}`.
    pub ask_number: String,
    /// The login waits for 1 or 0, to be written here: with `{facts}`.
    pub ask_tap: String,
    /// Above three numbers to press.
    pub menu_number: String,
    /// Above what can be pressed where no number is asked for.
    pub menu_tap: String,
    /// Below both.
    pub menu_end: String,
    /// The login is confirmed.
    pub confirmed: String,
    /// It is confirmed for a while, and somebody answers once more.
    pub already: String,
    /// The login was cancelled.
    pub denied: String,
    /// The number was not the page's, which is the end of the login.
    pub wrong_number: String,
    /// Who scanned has said that it was not them.
    pub reported: String,
    /// Somebody else was first.
    pub used: String,
    /// The QR code is over; nobody need know any more which website it was.
    pub expired: String,
    /// Somebody followed and WeChat does not say for which QR code.
    pub scan_again: String,
}

impl Texts {
    pub(super) fn chinese() -> Self {
        Self {
            confirm: "你正在登录 {site}。<a href=\"{link}\">点此确认</a>。如果不是你本人在登录，请不要确认。".into(),
            link_follows: "你正在登录 {site}。确认链接马上单独发给你；如果不是你本人在登录，请不要确认。".into(),
            ask_number:
                "你正在登录 {site}：{facts}。如果是你本人，请回复网页上显示的两位数字；如果不是，请回复“不是我”。"
                    .into(),
            ask_tap:
                "你正在登录 {site}：{facts}。如果是你本人，请回复 1 确认，或回复 0 取消；如果不是，请回复“不是我”。"
                    .into(),
            menu_number: "也可以直接点网页上显示的数字：".into(),
            menu_tap: "也可以直接点：".into(),
            menu_end: "如果不是你本人在登录，请不要确认。".into(),
            confirmed: "你已登录 {site}。".into(),
            already: "你已登录 {site}。如果不是你本人在登录，请回复“不是我”，这次登录就会作废。".into(),
            denied: "登录 {site} 已取消。如果要登录，请在网页上刷新二维码，再扫一次。".into(),
            wrong_number: "这不是网页上显示的数字，登录 {site} 已取消。如果要登录，请在网页上刷新二维码，再扫一次。"
                .into(),
            reported: "这次登录已作废，并已告知 {site}。".into(),
            used: "这个二维码已经被别人扫过了。请在 {site} 的网页上刷新二维码，再扫一次。".into(),
            expired: "这个二维码已经失效。请在网页上刷新二维码，再扫一次。".into(),
            scan_again: "感谢关注！如果要登录网站，请再扫一次网页上的二维码。".into(),
        }
    }

    pub(super) fn english() -> Self {
        Self {
            confirm: "You are logging in to {site}. <a href=\"{link}\">Confirm here</a>. If this isn't you, don't confirm."
                .into(),
            link_follows:
                "You are logging in to {site}. The link to confirm it comes in a moment; if this isn't you, don't confirm."
                    .into(),
            ask_number: "You are logging in to {site}: {facts}. If this is you, reply with the two digits that the web page \
                         shows; if not, reply \"not me\"."
                .into(),
            ask_tap: "You are logging in to {site}: {facts}. If this is you, reply 1 to confirm or 0 to cancel; if not, reply \
                      \"not me\"."
                .into(),
            menu_number: "Or press the number that the web page shows:".into(),
            menu_tap: "Or press:".into(),
            menu_end: "If this isn't you, don't confirm.".into(),
            confirmed: "You are logged in to {site}.".into(),
            already: "You are logged in to {site}. If this wasn't you, reply \"not me\": then the login counts no more.".into(),
            denied: "The login to {site} was cancelled. To log in, refresh the QR code on the web page, and scan again.".into(),
            wrong_number: "The web page shows another number, so the login to {site} was cancelled. To log in, refresh the QR \
                           code there, and scan again."
                .into(),
            reported: "The login counts no more, and {site} is told.".into(),
            used: "Somebody else has scanned this QR code. Refresh the code on the page of {site}, and scan again.".into(),
            expired: "This QR code is no longer valid. Refresh the code on the web page, and scan again.".into(),
            scan_again: "Thank you for following! To log in to a website, scan the QR code on its page once more.".into(),
        }
    }
}

/// What must stand in a text, and what is lost without it.
type Needed = Option<(&'static str, &'static str)>;

pub(super) fn read_texts(path: String, node: &Node, texts: &mut Texts, report: &mut Report) {
    let Some(table) = table(&path, node, report) else { return };
    let mut section = Section::of_table("account.texts", path, table, node.place.clone(), report);
    let link: Needed = Some(("{link}", "without it nobody could confirm"));
    let facts: Needed = Some(("{facts}", "without it nobody could see from where the login is asked for"));
    let keys: [(&str, &mut String, &[&str], Needed); 15] = [
        ("confirm", &mut texts.confirm, &["site", "link"], link),
        ("link_follows", &mut texts.link_follows, &["site"], None),
        ("ask_number", &mut texts.ask_number, &["site", "facts"], facts),
        ("ask_tap", &mut texts.ask_tap, &["site", "facts"], facts),
        ("menu_number", &mut texts.menu_number, &["site"], None),
        ("menu_tap", &mut texts.menu_tap, &["site"], None),
        ("menu_end", &mut texts.menu_end, &["site"], None),
        ("confirmed", &mut texts.confirmed, &["site"], None),
        ("already", &mut texts.already, &["site"], None),
        ("denied", &mut texts.denied, &["site"], None),
        ("wrong_number", &mut texts.wrong_number, &["site"], None),
        ("reported", &mut texts.reported, &["site"], None),
        ("used", &mut texts.used, &["site"], None),
        ("expired", &mut texts.expired, &[], None),
        ("scan_again", &mut texts.scan_again, &[], None),
    ];
    for (key, text, known, needed) in keys {
        *text = section.or(key, text.clone(), |node| template(node, known, needed));
    }
    section.finish();
}

fn template(node: &Node, known: &[&str], needed: Needed) -> Result<String, Complaint> {
    let text = text(node)?;
    let mut rest = text.as_str();
    while let Some((_, after)) = rest.split_once('{') {
        let name = after.split_once('}').map(|(name, _)| name);
        if !name.is_some_and(|name| known.contains(&name)) {
            let cure = match known {
                [] => "nothing is put into this text: write it without braces".to_owned(),
                known => {
                    format!("write {}", known.iter().map(|name| format!("{{{name}}}")).collect::<Vec<_>>().join(" or "))
                }
            };
            return Err(Complaint::new("has braces around something that is not known here", cure));
        }
        rest = after;
    }
    match needed.filter(|(needed, _)| !text.contains(needed)) {
        Some((needed, lost)) => Err(Complaint::new(format!("does not contain {needed}"), lost)),
        None => Ok(text),
    }
}
