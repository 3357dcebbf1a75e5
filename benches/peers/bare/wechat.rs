//! The one call to WeChat that a login takes: for its QR code.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::settings::Account;

const CODE: &str = r#"{"expire_seconds":300,"action_name":"QR_STR_SCENE","action_info":{"scene":{"scene_str":"sl-Zm9vYmFyYmF6cXV4MTIzNA"}}}"#;

pub struct WeChat {
    client: Client<HttpConnector, Full<Bytes>>,
    /// With the token that it asks for.
    url: String,
}

impl WeChat {
    pub async fn of(account: &Account) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let Account { api, app_id, app_secret, .. } = account;
        let url = format!("{api}/cgi-bin/token?grant_type=client_credential&appid={app_id}&secret={app_secret}");
        let answer = ask(&client, Request::get(url).body(Full::default()).unwrap()).await;
        let token = serde_json::from_slice::<Value>(&answer).unwrap()["access_token"].as_str().unwrap().to_owned();
        Self { client, url: format!("{api}/cgi-bin/qrcode/create?access_token={token}") }
    }

    pub async fn make_code(&self) {
        ask(&self.client, Request::post(&self.url).body(CODE.into()).unwrap()).await;
    }
}

async fn ask(client: &Client<HttpConnector, Full<Bytes>>, request: Request<Full<Bytes>>) -> Bytes {
    let answer = client.request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.into_body().collect().await.unwrap().to_bytes()
}
