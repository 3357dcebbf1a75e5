use std::fmt;

use url::{Host, Url};

use super::fault::Complaint;
use super::raw::Node;

/// A URL that others are made of by appending paths: `https`, or `http` on loopback; perhaps with a path of its own,
/// without a slash at its end, never with query or fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    url: Url,
    text: String,
}

impl BaseUrl {
    /// Takes a URL as it was written.
    ///
    /// # Errors
    /// A [`Complaint`] where it is not such a URL.
    pub fn new(text: &str) -> Result<Self, Complaint> {
        let url = web_url(text)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Complaint::new("has a query or a fragment", "end the URL before the ? or #"));
        }
        let path = url.path().strip_suffix('/').unwrap_or(url.path());
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
        if !path.split('/').skip(1).all(|segment| !segment.is_empty() && segment.chars().all(plain)) {
            let cure = "use letters, digits and - . _ ~ in its path, and single slashes";
            return Err(Complaint::new("has a path that others cannot be appended to", cure));
        }
        let text = format!("{}{path}", url.origin().ascii_serialization());
        Ok(Self { url, text })
    }

    /// The URL, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its own path: empty, or `/base`.
    pub fn path(&self) -> &str {
        self.url.path().strip_suffix('/').unwrap_or(self.url.path())
    }

    /// Its origin as browsers send it: `https://login.example.com`.
    pub fn origin(&self) -> &str {
        &self.text[..self.text.len() - self.path().len()]
    }

    /// The URL of `path` under this one; a slash at the beginning of `path` or none is the same.
    #[must_use]
    pub fn join(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{}", self.path(), path.strip_prefix('/').unwrap_or(path)));
        url
    }

    /// Whether a URL is this one, or one that was made of it.
    pub fn contains(&self, url: &Url) -> bool {
        let rest = url.path().strip_prefix(self.path());
        url.origin() == self.url.origin() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether what goes there is encrypted on its way.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({})", self.text)
    }
}

/// The proxy for calls to WeChat. Its user and password, where there are any, are not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Url);

impl ProxyUrl {
    /// The URL with its user and password; not for logs.
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({})", self.0.origin().ascii_serialization())
    }
}

pub(super) fn base(node: &Node) -> Result<BaseUrl, Complaint> {
    BaseUrl::new(node.text()?)
}

pub(super) fn proxy(node: &Node) -> Result<ProxyUrl, Complaint> {
    encrypted_or_loopback(node.text()?).map(ProxyUrl)
}

/// A URL that is called as it stands.
pub(super) fn url(node: &Node) -> Result<Url, Complaint> {
    without_fragment(web_url(node.text()?)?)
}

/// A redirect URI, kept as it was written since it is compared so (RFC 9700 §2.1).
pub(super) fn redirect_uri(node: &Node) -> Result<String, Complaint> {
    let text = node.text()?;
    without_fragment(web_url(text)?)?;
    Ok(text.to_owned())
}

/// An origin, written as browsers send it.
pub(super) fn origin(node: &Node) -> Result<String, Complaint> {
    let text = node.text()?;
    let cure = "write the website's own, as browsers send it: \"https://shop.example.com\"";
    let url = web_url(text).map_err(|complaint| Complaint::new(complaint.reason, cure))?;
    let origin = url.origin().ascii_serialization();
    if origin != text {
        let cure = format!("write it as browsers send it: \"{origin}\"");
        return Err(Complaint::new("is not an origin, which has scheme, host and port only", cure));
    }
    Ok(origin)
}

fn without_fragment(url: Url) -> Result<Url, Complaint> {
    if url.fragment().is_some() {
        return Err(Complaint::new("has a fragment", "end the URL before the #"));
    }
    Ok(url)
}

/// A URL of the web without user and password.
fn web_url(text: &str) -> Result<Url, Complaint> {
    let url = encrypted_or_loopback(text)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Complaint::new("holds a user or password", "leave out what stands before the @"));
    }
    Ok(url)
}

fn encrypted_or_loopback(text: &str) -> Result<Url, Complaint> {
    let form = "write it as https://host/path, or as http://127.0.0.1:8080 on loopback";
    // The parser is as lenient as browsers are: it drops blanks and mends slashes. What is compared must be exact.
    let lower = text.to_ascii_lowercase();
    let exact = (lower.starts_with("https://") || lower.starts_with("http://"))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\');
    let url = Url::parse(text).ok().filter(|_| exact);
    let url = url.ok_or_else(|| Complaint::new("is not a URL of the web", form))?;
    if url.scheme() == "https" || is_loopback(&url) {
        return Ok(url);
    }
    Err(Complaint::new("is neither https nor on loopback", form))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
