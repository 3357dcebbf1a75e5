use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use url::Url;

use crate::transport::wechat::api::HttpClient;

/// How long an answer may take: as long as WeChat itself waits.
const DEADLINE: Duration = Duration::from_secs(5);

/// Gets what others would get.
pub(super) struct Probe(Result<HttpClient, String>);

impl Probe {
    /// For addresses like this one.
    pub(super) fn new(base: &Url) -> Self {
        Self(HttpClient::for_base(base).map_err(|error| error.to_string()))
    }

    /// What stands there, or in a line why nothing does.
    pub(super) async fn get(&self, url: &Url) -> Result<(StatusCode, Bytes), String> {
        let client = self.0.as_ref().map_err(Clone::clone)?;
        let request = Request::get(url.as_str()).body(Full::default()).map_err(|error| error.to_string())?;
        match tokio::time::timeout(DEADLINE, client.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err("no answer within 5 s".to_owned()),
        }
    }
}
