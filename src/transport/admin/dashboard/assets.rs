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
