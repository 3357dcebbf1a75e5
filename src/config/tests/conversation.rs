use super::*;

fn small(more: &str) -> String {
    SMALL.replacen("[[client]]", &format!("{more}\n[[client]]"), 1)
}

fn conversation(more: &str) -> Conversation {
    let (mut config, _) = read(&small(more)).unwrap_or_else(|faults| panic!("{faults}"));
    config.accounts.remove(0).conversation
}

#[test]
fn texts_have_defaults_that_name_the_website_and_carry_the_link() {
    let conversation = conversation("");
    for language in Language::ALL {
        let texts = conversation.texts(*language);
        for text in [&texts.confirm, &texts.link_follows, &texts.confirmed, &texts.used] {
            assert!(text.contains("{site}"), "{text}");
        }
        assert!(texts.confirm.contains("{link}") && !texts.link_follows.contains("{link}"));
    }
    assert_eq!(conversation.replies, Replies::default());
}

#[test]
fn texts_and_replies_can_be_set() {
    let conversation = conversation(
        "[account.texts.en]\nconfirmed = \"Welcome to {site}!\"\n\
         [account.replies]\nsubscribe = \"Hello\"\ndefault = \"Pardon?\"\n\
         [[account.replies.keyword]]\nwords = [\"Price\", \"价格\"]\ntext = \"See our page.\"\n\
         [[account.replies.keyword]]\nwords = [\"help\"]\nmatch = \"equals\"\ntext = \"How?\"",
    );
    assert_eq!(conversation.english.confirmed, "Welcome to {site}!");
    assert!(conversation.english.confirm.contains("{link}"), "the others keep their defaults");
    assert_eq!(conversation.replies.subscribe.as_deref(), Some("Hello"));
    let [price, help] = conversation.replies.keywords.as_slice() else { panic!("two keywords") };
    assert!(price.fits("what's the PRICE?") && price.fits("价格多少") && !price.fits("hello"));
    assert!(help.fits(" Help ") && !help.fits("help me"));
}

#[test]
fn what_is_wrong_with_a_text_is_told_with_its_cure() {
    for (more, key, word) in [
        ("[account.texts.en]\nconfirm = \"Confirm!\"", "account.main.texts.en.confirm", "{link}"),
        ("[account.texts.en]\nask_number = \"Number?\"", "account.main.texts.en.ask_number", "from where"),
        ("[account.texts.en]\nconfirmed = \"{name}\"", "account.main.texts.en.confirmed", "{site}"),
        ("[account.texts.en]\nexpired = \"{site}\"", "account.main.texts.en.expired", "braces"),
        ("[account.texts.fr]\nconfirmed = \"Oui\"", "account.main.texts.fr", "nearest"),
        ("[account.texts.en]\nconfrimed = \"x\"", "account.main.texts.en.confrimed", "confirmed"),
        ("[account.replies]\ndefault = \" \"", "account.main.replies.default", "empty"),
        ("[[account.replies.keyword]]\ntext = \"x\"", "account.main.replies.keyword[1].words", "no word"),
        ("[[account.replies.keyword]]\nwords = [\"\"]\ntext = \"x\"", "account.main.replies.keyword[1].words", "every"),
        ("[[account.replies.keyword]]\nwords = [\"a\"]", "account.main.replies.keyword[1].text", "is missing"),
        ("[account]\nreplies = 1", "", ""),
    ] {
        let faults = read(&small(more)).unwrap_err();
        assert!(faults.iter().any(|fault| fault.key == key), "{key}: {faults}");
        assert!(faults.to_string().contains(word), "{word}: {faults}");
    }
}

#[test]
fn replies_beside_a_forward_are_warned_of() {
    let text = small("[account.replies]\ndefault = \"Pardon?\"").replacen(
        "[[account]]",
        "[[account]]\nforward = \"https://old.example.com\"",
        1,
    );
    let (_, warnings) = read(&text).unwrap();
    assert!(warnings.iter().any(|warning| warning.key == "account.main.replies"), "{warnings:?}");
}

/// The blocks of the guide that begin with this line.
fn guide(line: &str) -> &'static str {
    let text = include_str!("../../../docs/en/wechat.md");
    let block = text.split("```toml\n").find(|block| block.starts_with(line)).expect("the guide has no such block");
    block.split("```").next().unwrap()
}

#[test]
fn the_guide_shows_the_texts_as_they_are_and_replies_that_work() {
    let shown = conversation(guide("[account.texts.zh-CN]"));
    assert_eq!(shown.chinese, conversation("").chinese);
    let replies = conversation(guide("[account.replies]")).replies;
    assert!(replies.subscribe.is_some() && replies.default.is_some() && replies.keywords[0].fits("price"));
}
