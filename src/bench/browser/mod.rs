//! A visitor's browser: it shows a QR code, watches, and is told. One TCP connection serves for all of it, as where a
//! browser speaks with one host.

mod native;
mod original;

use http::Request;
use http::header;

use super::driver::Driver;
use super::http::{Connection, reason_of_system};
use super::loss::{Lost, Step, step};
use super::target::{Credentials, Protocol, Target};
use super::websocket::Socket;

const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36";

/// A browser with a session.
#[derive(Debug)]
pub struct Browser {
    /// The number of its login.
    pub number: u64,
    /// The scene that its QR code holds.
    pub scene: String,
    session: Session,
    line: Line,
}

/// What the page knows of its session.
#[derive(Debug)]
enum Session {
    Native(native::Session),
    Original(original::Session),
}

/// What it has to the daemon at present.
#[derive(Debug)]
enum Line {
    None,
    Http(Connection),
    Socket(Box<Socket>),
}

impl Browser {
    /// Asks for a session, in the protocol that is driven.
    ///
    /// # Errors
    /// [`Lost`] where there is none.
    pub async fn create(driver: &Driver, number: u64) -> Result<Self, Lost> {
        let work = async {
            let mut connection = connect(driver, number).await?;
            let (scene, session) = match driver.protocol() {
                Protocol::Native => {
                    let (scene, session) = native::create(driver, number, &mut connection).await?;
                    (scene, Session::Native(session))
                }
                Protocol::Original => {
                    let (scene, session) = original::create(driver, number, &mut connection).await?;
                    (scene, Session::Original(session))
                }
            };
            Ok(Self { number, scene, session, line: Line::Http(connection) })
        };
        step(Step::Create, work).await
    }

    /// Watches the session over a WebSocket, on a new connection where there is none, or the daemon has closed it.
    ///
    /// # Errors
    /// [`Lost`] where the daemon does not let it.
    pub async fn attach(&mut self, driver: &Driver) -> Result<(), Lost> {
        // A socket of before is closed here, and not only once there is another.
        let kept = match std::mem::replace(&mut self.line, Line::None) {
            Line::Http(connection) => Some(connection),
            Line::None | Line::Socket(_) => None,
        };
        let work = async {
            let kept = match kept {
                Some(connection) => connection.if_open().await,
                None => None,
            };
            let connection = match kept {
                Some(connection) => connection,
                None => connect(driver, self.number).await?,
            };
            match &self.session {
                Session::Native(session) => native::attach(driver, session, connection).await,
                Session::Original(session) => original::attach(driver, session, connection).await,
            }
        };
        self.line = Line::Socket(Box::new(step(Step::Attach, work).await?));
        Ok(())
    }

    /// Hangs up; the session stays.
    pub fn hang_up(&mut self) {
        self.line = Line::None;
    }

    /// Waits for the code of the confirmed login.
    ///
    /// # Errors
    /// [`Lost`] where the session ends without one, or the connection does.
    pub async fn confirmed(&mut self) -> Result<String, Lost> {
        let work = async {
            let is_native = matches!(self.session, Session::Native(_));
            let socket = self.socket()?;
            if is_native { native::confirmed(socket).await } else { original::confirmed(socket).await }
        };
        step(Step::Push, work).await
    }

    /// Waits until the connection is gone. Pings are answered meanwhile, and nothing else is expected.
    pub async fn until_gone(&mut self) {
        if let Ok(socket) = self.socket() {
            while socket.text().await.is_ok() {}
        }
        self.hang_up();
    }

    /// Goes, as who has left the page.
    pub async fn leave(self) {
        if let Line::Socket(socket) = self.line {
            socket.leave().await;
        }
    }

    fn socket(&mut self) -> Result<&mut Socket, String> {
        match &mut self.line {
            Line::Socket(socket) => Ok(socket),
            Line::None | Line::Http(_) => Err("nobody watched".into()),
        }
    }
}

async fn connect(driver: &Driver, number: u64) -> Result<Connection, String> {
    let stream = driver.addresses().connect(number, driver.target().address).await;
    Connection::over(stream.map_err(|error| reason_of_system(&error))?).await
}

/// What every request of a browser says.
fn request(method: http::Method, target: &Target, website: &Credentials, path: &str) -> http::request::Builder {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, &target.host)
        .header(header::USER_AGENT, USER_AGENT);
    match &website.origin {
        Some(origin) => request.header(header::ORIGIN, origin),
        None => request,
    }
}
