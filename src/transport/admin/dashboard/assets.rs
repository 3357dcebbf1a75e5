use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

/// The files of `web/dashboard`, by name.
macro_rules! files {
    ($($name:literal: $kind:literal),* $(,)?) => {
        &[$(($name, $kind, include_str!(concat!("../../../../web/dashboard/", $name)))),*]
    };
}

const FILES: &[(&str, &str, &str)] = files! {
    "dashboard.css": "text/css",
    "access.js": "text/javascript",
    "chart.js": "text/javascript",
    "dashboard.js": "text/javascript",
    "events.js": "text/javascript",
    "format.js": "text/javascript",
    "funnel.js": "text/javascript",
    "heatmap.js": "text/javascript",
    "hour.js": "text/javascript",
    "glance.js": "text/javascript",
    "journal.js": "text/javascript",
    "session.js": "text/javascript",
    "strips.js": "text/javascript",
    "stream.js": "text/javascript",
    "texts.js": "text/javascript",
    "wechat.js": "text/javascript",
    "icon.svg": "image/svg+xml",
};

/// `GET /dashboard/{file}`.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, text)) => ([(header::CONTENT_TYPE, format!("{kind}; charset=utf-8"))], *text).into_response(),
        None => (StatusCode::NOT_FOUND, "there is nothing here\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands in backticks in the first column of the table of refusals.
    fn documented_reasons() -> Vec<&'static str> {
        let page = include_str!("../../../../docs/en/metrics.md");
        let table = page.split_once("### Refusals").unwrap().1.split_once("###").unwrap().0;
        let first = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" | "));
        first.flat_map(|(reasons, _)| reasons.split('`').step_by(2)).filter(|reason| *reason != "reason").collect()
    }

    #[test]
    fn every_reason_that_is_documented_has_its_words_in_both_languages() {
        let (_, _, texts) = FILES.iter().find(|(name, ..)| *name == "texts.js").unwrap();
        let words: Vec<&str> =
            texts.split("    refused: {").skip(1).map(|rest| rest.split_once('}').unwrap().0).collect();
        assert_eq!(words.len(), 2);
        let reasons = documented_reasons();
        assert!(reasons.len() > 25, "{reasons:?}");
        for (language, words) in words.iter().enumerate() {
            for reason in &reasons {
                assert!(words.contains(&format!(" {reason}: '")), "{reason} has no words in language {language}");
            }
        }
    }

    #[test]
    fn every_module_that_is_imported_is_there() {
        for (name, _, text) in FILES {
            for line in text.lines().filter(|line| line.starts_with("import ") || line.starts_with("} from ")) {
                let Some((_, from)) = line.split_once("from './") else { continue };
                let imported = from.trim_end_matches("';");
                assert!(FILES.iter().any(|(known, ..)| *known == imported), "{name} imports {imported}");
            }
        }
    }
}
