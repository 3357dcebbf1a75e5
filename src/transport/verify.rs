//! WeChat's proof that a domain is the operator's: files `MP_verify_….txt` at the host's root, whatever path the public
//! URL has (公众平台, 功能设置, 业务域名 and 网页授权域名).

use axum::response::{IntoResponse, Response};
use http::{Method, header};
use tokio::io::AsyncReadExt;

use super::headers::PRIVATE;
use super::problem::Problem;
use super::site::Site;

/// WeChat's files hold 16 characters.
const MAX_BYTES: u64 = 4096;

/// The file at this path, where it is one of them; else there is nothing.
pub(super) async fn file(site: &Site, method: &Method, path: &str) -> Response {
    let asked = matches!(*method, Method::GET | Method::HEAD).then(|| name(path)).flatten();
    let Some(name) = asked else { return Problem::not_found().into_response() };
    match read(site, name).await {
        Some(text) => {
            let mut response = (PRIVATE, text).into_response();
            let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, plain);
            response
        }
        None => Problem::not_found().into_response(),
    }
}

/// The name of such a file: letters and digits alone, so that it leads to no other folder.
fn name(path: &str) -> Option<&str> {
    let name = path.strip_prefix('/')?;
    let own = name.strip_prefix("MP_verify_")?.strip_suffix(".txt")?;
    ((1..=64).contains(&own.len()) && own.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(name)
}

async fn read(site: &Site, name: &str) -> Option<String> {
    let file = tokio::fs::File::open(site.config.server.verify_dir.join(name)).await.ok()?;
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).await.ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wechats_files_have_a_name() {
        assert_eq!(name("/MP_verify_abcDEF0123456789.txt"), Some("MP_verify_abcDEF0123456789.txt"));
        for other in [
            "/",
            "/MP_verify_.txt",
            "/MP_verify_../keys.txt",
            "/x/MP_verify_a.txt",
            "/MP_verify_a.pem",
            "/mp_verify_a.txt",
        ] {
            assert_eq!(name(other), None, "{other}");
        }
        assert_eq!(name(&format!("/MP_verify_{}.txt", "a".repeat(65))), None);
    }
}
