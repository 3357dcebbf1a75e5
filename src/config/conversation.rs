use super::fault::{Complaint, Report, Spot};
use super::raw::{Node, Raw, Table};
use super::section::{Section, report_unknown};
use super::values::{Choice, choices};

choices! {
    /// A language that replies are written in.
    Language {
        /// Simplified Chinese.
        Chinese = "zh-CN",
        /// English.
        English = "en",
    }

    /// How a keyword is looked for in what somebody wrote; case does not count.
    KeywordMatch {
        /// It stands somewhere in the message.
        Contains = "contains",
        /// It is the whole message, white space around it aside.
        Equals = "equals",
    }
}

/// What an account says in its conversation with a person.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// The replies to a scan, in Chinese.
    pub chinese: Texts,
    /// The replies to a scan, in English.
    pub english: Texts,
    /// What is said to messages that are no login, where the account has no `forward`.
    pub replies: Replies,
}

/// The replies to a scan: `[account.texts.zh-CN]` and `[account.texts.en]`. `{site}` stands for the website's name,
/// `{link}` for the address of the page where the login is confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// The login waits for a press: with `{link}`.
    pub confirm: String,
    /// The same where the link must not stand in the reply itself, and follows as a message of its own.
    pub link_follows: String,
    /// The login is confirmed.
    pub confirmed: String,
    /// Somebody else was first.
    pub used: String,
    /// The QR code is over; nobody need know any more which website it was.
    pub expired: String,
    /// Somebody followed and WeChat does not say for which QR code.
    pub scan_again: String,
}

/// Simple replies: `[account.replies]`, and `[[account.replies.keyword]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replies {
    /// Said to a new follower who did not come by a QR code of ours.
    pub subscribe: Option<String>,
    /// Said to any other message.
    pub default: Option<String>,
    /// The first that fits is said to a message.
    pub keywords: Vec<Keyword>,
}

/// What is said where a word comes up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyword {
    /// Any of these; at least one.
    pub words: Vec<String>,
    /// How they are looked for. Default: contains.
    pub matching: KeywordMatch,
    /// What is said.
    pub text: String,
}

impl Keyword {
    /// Whether this is meant by what somebody wrote.
    pub fn fits(&self, message: &str) -> bool {
        let message = message.trim().to_lowercase();
        self.words.iter().map(|word| word.to_lowercase()).any(|word| match self.matching {
            KeywordMatch::Contains => message.contains(&word),
            KeywordMatch::Equals => message == word.trim(),
        })
    }
}

impl Conversation {
    /// The texts in a language.
    pub fn texts(&self, language: Language) -> &Texts {
        match language {
            Language::Chinese => &self.chinese,
            Language::English => &self.english,
        }
    }
}

impl Texts {
    fn chinese() -> Self {
        Self {
            confirm: "你正在登录 {site}。<a href=\"{link}\">点此确认</a>。如果不是你本人在登录，请不要确认。".into(),
            link_follows: "你正在登录 {site}。确认链接马上单独发给你；如果不是你本人在登录，请不要确认。".into(),
            confirmed: "你已登录 {site}。".into(),
            used: "这个二维码已经被别人扫过了。请在 {site} 的网页上刷新二维码，再扫一次。".into(),
            expired: "这个二维码已经失效。请在网页上刷新二维码，再扫一次。".into(),
            scan_again: "感谢关注！如果要登录网站，请再扫一次网页上的二维码。".into(),
        }
    }

    fn english() -> Self {
        Self {
            confirm: "You are logging in to {site}. <a href=\"{link}\">Confirm here</a>. If this isn't you, don't confirm."
                .into(),
            link_follows:
                "You are logging in to {site}. The link to confirm it comes in a moment; if this isn't you, don't confirm."
                    .into(),
            confirmed: "You are logged in to {site}.".into(),
            used: "Somebody else has scanned this QR code. Refresh the code on the page of {site}, and scan again.".into(),
            expired: "This QR code is no longer valid. Refresh the code on the web page, and scan again.".into(),
            scan_again: "Thank you for following! To log in to a website, scan the QR code on its page once more.".into(),
        }
    }
}

/// Most bytes of one text: what a passive reply of WeChat's holds.
const MAX_TEXT_BYTES: usize = 2048;

/// Reads `texts` and `replies` of an account, where they are written.
pub(super) fn read(path: &str, texts: Option<&Node>, replies: Option<&Node>, report: &mut Report) -> Conversation {
    let mut conversation =
        Conversation { chinese: Texts::chinese(), english: Texts::english(), replies: Replies::default() };
    let texts_path = format!("{path}.texts");
    if let Some(table) = texts.and_then(|node| table(&texts_path, node, report)) {
        let known = Language::ALL.iter().map(|language| language.name().to_owned()).collect::<Vec<_>>();
        report_unknown(table, &texts_path, &known, report);
        for language in Language::ALL {
            let texts = match language {
                Language::Chinese => &mut conversation.chinese,
                Language::English => &mut conversation.english,
            };
            if let Some(node) = table.get(language.name()) {
                read_texts(format!("{texts_path}.{}", language.name()), node, texts, report);
            }
        }
    }
    if let Some(node) = replies {
        conversation.replies = read_replies(format!("{path}.replies"), node, report);
    }
    conversation
}

fn table<'a>(path: &str, node: &'a Node, report: &mut Report) -> Option<&'a Table> {
    if let Raw::Table(table) = &node.raw {
        return Some(table);
    }
    let spot = Spot { key: path.to_owned(), place: Some(node.place.clone()), value: Some(node.shown()) };
    report.fault(spot, "is not a section", format!("write [{path}] on a line of its own, its keys below it"));
    None
}

fn read_texts(path: String, node: &Node, texts: &mut Texts, report: &mut Report) {
    let Some(table) = table(&path, node, report) else { return };
    let mut section = Section::of_table("account.texts", path, table, node.place.clone(), report);
    let keys: [(&str, &mut String, &[&str], Option<&str>); 6] = [
        ("confirm", &mut texts.confirm, &["site", "link"], Some("{link}")),
        ("link_follows", &mut texts.link_follows, &["site"], None),
        ("confirmed", &mut texts.confirmed, &["site"], None),
        ("used", &mut texts.used, &["site"], None),
        ("expired", &mut texts.expired, &[], None),
        ("scan_again", &mut texts.scan_again, &[], None),
    ];
    for (key, text, known, needed) in keys {
        *text = section.or(key, text.clone(), |node| template(node, known, needed));
    }
    section.finish();
}

fn read_replies(path: String, node: &Node, report: &mut Report) -> Replies {
    let Some(table) = table(&path, node, report) else { return Replies::default() };
    let mut section = Section::of_table("account.replies", path.clone(), table, node.place.clone(), report);
    let subscribe = section.optional("subscribe", text);
    let default = section.optional("default", text);
    section.written("keyword");
    let spot = section.spot("keyword");
    section.finish();
    let mut keywords = Vec::new();
    if let Some(node) = table.get("keyword") {
        let Raw::List(nodes) = &node.raw else {
            let cure = "write [[account.replies.keyword]] on a line of its own, its keys below it";
            report.fault(spot, "is not a list of tables", cure);
            return Replies { subscribe, default, keywords };
        };
        for (place, node) in (1..).zip(nodes) {
            keywords.extend(read_keyword(format!("{path}.keyword[{place}]"), node, report));
        }
    }
    Replies { subscribe, default, keywords }
}

fn read_keyword(path: String, node: &Node, report: &mut Report) -> Option<Keyword> {
    let table = table(&path, node, report)?;
    let mut section = Section::of_table("account.replies.keyword", path, table, node.place.clone(), report);
    let words = section.list("words", word).unwrap_or_default();
    if section.is_empty_list("words") || section.spot("words").value.is_none() {
        section.fault("words", "names no word", "write the words that bring this reply: words = [\"price\"]");
    }
    let matching = section.choice("match", KeywordMatch::Contains);
    let text = section.required("text", "write what is said", text);
    section.finish();
    Some(Keyword { words, matching, text: text? }).filter(|keyword| !keyword.words.is_empty())
}

fn word(node: &Node) -> Result<String, Complaint> {
    let word = node.text()?.trim();
    if word.is_empty() {
        return Err(Complaint::new("is empty, and every message would fit", "write a word"));
    }
    Ok(word.to_owned())
}

fn text(node: &Node) -> Result<String, Complaint> {
    let text = node.text()?;
    if text.trim().is_empty() {
        return Err(Complaint::new("is empty", "leave the key out to say nothing"));
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(Complaint::new(format!("is longer than {MAX_TEXT_BYTES} bytes"), "WeChat takes no longer reply"));
    }
    Ok(text.to_owned())
}

fn template(node: &Node, known: &[&str], needed: Option<&str>) -> Result<String, Complaint> {
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
    match needed.filter(|needed| !text.contains(needed)) {
        Some(needed) => Err(Complaint::new(format!("does not contain {needed}"), "without it nobody could confirm")),
        None => Ok(text),
    }
}
