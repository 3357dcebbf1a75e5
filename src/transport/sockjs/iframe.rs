//! `GET /iframe*.html`: the page that lets a client of another origin use transports that know one origin only.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::response::Response;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};

use super::answer::{HTML, answer, empty, keep_long};

/// The page, the same for every name that clients give it, and its tag.
pub(super) struct IframePage {
    html: String,
    etag: HeaderValue,
}

impl IframePage {
    /// A page that loads the client from this URL.
    pub(super) fn new(client_script: &str) -> Self {
        let html = format!(
            r#"<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="{}"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>"#,
            attribute(client_script)
        );
        let mut hasher = DefaultHasher::new();
        html.hash(&mut hasher);
        let etag = HeaderValue::try_from(format!("\"{:016x}\"", hasher.finish()));
        // Digits in quotes are a header value.
        Self { html, etag: etag.unwrap_or(HeaderValue::from_static("\"0\"")) }
    }

    /// The page, or that the client has it already (RFC 9110 §13.1.2).
    pub(super) fn serve(&self, request: &HeaderMap) -> Response {
        let mut response = if self.is_known(request) {
            empty(StatusCode::NOT_MODIFIED)
        } else {
            answer(StatusCode::OK, HTML, self.html.clone())
        };
        keep_long(&mut response);
        response.headers_mut().insert(header::ETAG, self.etag.clone());
        response
    }

    fn is_known(&self, request: &HeaderMap) -> bool {
        let lines = request.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|line| line.to_str().ok());
        let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == self.etag.as_bytes())
    }
}

/// Text as it may stand between an attribute's quotes.
fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(page: &IframePage, tag: &str) -> StatusCode {
        page.serve(&HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_str(tag).unwrap())])).status()
    }

    #[test]
    fn whoever_has_the_page_gets_it_no_second_time() {
        let page = IframePage::new("/sockjs.js");
        let tag = page.etag.to_str().unwrap();
        for tag in [tag, "*", &format!("W/{tag}"), &format!("\"other\", {tag}")] {
            assert_eq!(status(&page, tag), StatusCode::NOT_MODIFIED, "{tag}");
        }
        assert_eq!(status(&page, "\"other\""), StatusCode::OK);
        assert_ne!(page.etag, IframePage::new("/other.js").etag);
    }

    #[test]
    fn the_scripts_url_stays_in_its_attribute() {
        let page = IframePage::new("/a?b&c\"><script>");
        assert!(page.html.contains(r#"<script src="/a?b&amp;c&quot;>&lt;script>"></script>"#), "{}", page.html);
    }
}
