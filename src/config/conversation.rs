use super::fault::{Complaint, Report, Spot};
use super::raw::{Node, Raw, Table};
use super::section::{Section, report_unknown};
use super::texts::{Texts, read_texts};
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

pub(super) fn table<'a>(path: &str, node: &'a Node, report: &mut Report) -> Option<&'a Table> {
    if let Raw::Table(table) = &node.raw {
        return Some(table);
    }
    let spot = Spot { key: path.to_owned(), place: Some(node.place.clone()), value: Some(node.shown()) };
    report.fault(spot, "is not a section", format!("write [{path}] on a line of its own, its keys below it"));
    None
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

pub(super) fn text(node: &Node) -> Result<String, Complaint> {
    let text = node.text()?;
    if text.trim().is_empty() {
        return Err(Complaint::new("is empty", "leave the key out to say nothing"));
    }
    if text.len() > MAX_TEXT_BYTES {
        return Err(Complaint::new(format!("is longer than {MAX_TEXT_BYTES} bytes"), "WeChat takes no longer reply"));
    }
    Ok(text.to_owned())
}
