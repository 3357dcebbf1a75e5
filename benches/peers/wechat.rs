//! The simulated WeChat that the peers ask for QR codes, and that pushes to them: the same as our daemon's.

use std::net::{Ipv4Addr, SocketAddr};

use scan_login::domain::AppId;
use scan_login::simulator::{Quotas, SimulatedAccount, SimulatedEncryption, SimulatedWeChat};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::settings::Account;

const APP_ID: &str = "wx0000000000000001";
const AES_KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

/// It serves until it is dropped.
pub struct WeChat {
    pub account: SimulatedAccount,
    address: SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

impl WeChat {
    /// Of a server at this port.
    pub async fn of_server_at(port: u16, encryption: SimulatedEncryption) -> Self {
        let callback = format!("http://{}:{port}/wechat/main", Ipv4Addr::LOCALHOST).parse().unwrap();
        let account = SimulatedAccount {
            encryption,
            encoding_aes_key: Some(AES_KEY.into()),
            quotas: Quotas { qr_codes: u64::MAX, ..Quotas::default() },
            ..SimulatedAccount::new(AppId::new(APP_ID).unwrap(), callback)
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = SimulatedWeChat::new(vec![account.clone()]).router();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { account, address, _serving: AbortOnDropHandle::new(serving) }
    }

    /// What the server must know of it.
    pub fn told(&self) -> Account {
        let SimulatedAccount { app_id, app_secret, token, .. } = &self.account;
        Account {
            app_id: app_id.as_str().into(),
            app_secret: app_secret.clone(),
            token: token.clone(),
            aes_key: AES_KEY.into(),
            api: format!("http://{}", self.address),
        }
    }
}
