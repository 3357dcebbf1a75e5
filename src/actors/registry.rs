//! The registry actor: it routes scene ids, page ids and picture addresses to their sessions, and admits new ones.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use crate::domain::{Created, PageId, SceneId};
use crate::keys::{Keys, Purpose};

use super::address::Address;
use super::admission::{Admission, Full};
use super::cell::Cell;
use super::feed::Feed;
use super::pages::{ClaimNumber, Halves, PageHolder, PageRefusal, Pages};
use super::sessions::SessionsMessage;

/// What the registry takes.
pub(super) enum RegistryMessage {
    /// The session of a scene id.
    Find(SceneId, oneshot::Sender<Option<Arc<Cell>>>),
    /// The session whose QR picture has this address.
    FindPicture(String, oneshot::Sender<Option<Arc<Cell>>>),
    /// Whether a page of this network shows a code whose connection has still to come.
    ShowsPage(IpAddr, oneshot::Sender<bool>),
    /// Which halves of a page id have come, and its session, for who holds it.
    FindPage(PageHolder, oneshot::Sender<Result<Halves<Arc<Cell>>, PageRefusal>>),
    /// Begin a session.
    Open(SceneId, Arc<Created>, Option<PageHolder>, oneshot::Sender<Result<Arc<Cell>, NotAdmitted>>),
    /// A connection speaks a page id.
    Claim(PageHolder, oneshot::Sender<Result<(ClaimNumber, Feed), PageRefusal>>),
    /// A connection that had claimed a page id is gone.
    Release(PageId, ClaimNumber),
    /// All sessions that can be found, those that are over and not forgotten among them.
    List(oneshot::Sender<Vec<Arc<Cell>>>),
    /// A session's actor has ended for good.
    Forget(SceneId),
    /// Fail, to see what becomes of the routes.
    #[cfg(test)]
    Fail,
}

/// Why a session cannot begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotAdmitted {
    Full(Full),
    SceneTaken,
    Page(PageRefusal),
}

pub(super) struct Registry;

pub(super) struct RegistryArguments {
    pub(super) sessions: Address<SessionsMessage>,
    pub(super) keys: Arc<Keys>,
    pub(super) admission: Arc<Admission>,
    /// The sessions that are there already.
    pub(super) known: Vec<Arc<Cell>>,
}

pub(super) struct RegistryState {
    sessions: Address<SessionsMessage>,
    keys: Arc<Keys>,
    admission: Arc<Admission>,
    scenes: HashMap<SceneId, Arc<Cell>>,
    pictures: HashMap<String, SceneId>,
    pages: Pages,
}

impl Actor for Registry {
    type Msg = RegistryMessage;
    type State = RegistryState;
    type Arguments = RegistryArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<RegistryMessage>,
        arguments: RegistryArguments,
    ) -> Result<RegistryState, ActorProcessingErr> {
        let mut state = RegistryState {
            sessions: arguments.sessions,
            keys: arguments.keys,
            admission: arguments.admission,
            scenes: HashMap::with_capacity(arguments.known.len()),
            pictures: HashMap::new(),
            pages: Pages::default(),
        };
        for cell in arguments.known {
            state.route(cell);
        }
        Ok(state)
    }

    async fn handle(
        &self,
        _myself: ActorRef<RegistryMessage>,
        message: RegistryMessage,
        state: &mut RegistryState,
    ) -> Result<(), ActorProcessingErr> {
        state.pages.limit_unclaimed(state.admission.unclaimed_page_ids());
        // A reply that nobody awaits any more is no fault of ours.
        match message {
            RegistryMessage::Find(scene, reply) => drop(reply.send(state.find(&scene))),
            RegistryMessage::FindPicture(picture, reply) => {
                let scene = state.pictures.get(&picture).cloned();
                drop(reply.send(scene.and_then(|scene| state.find(&scene))));
            }
            RegistryMessage::ShowsPage(network, reply) => drop(reply.send(state.pages.awaits_connection_of(network))),
            RegistryMessage::FindPage(half, reply) => {
                state.forget_if_gone(&half.page);
                drop(reply.send(state.pages.look_up(&half)));
            }
            RegistryMessage::Open(scene, created, half, reply) => drop(reply.send(state.open(scene, created, half))),
            RegistryMessage::Claim(half, reply) => {
                state.forget_if_gone(&half.page);
                let page = half.page.clone();
                if let Err(Ok((claim, _))) = reply.send(state.pages.claim(&half)) {
                    state.pages.release(&page, claim);
                }
            }
            RegistryMessage::Release(page, claim) => state.pages.release(&page, claim),
            RegistryMessage::List(reply) => drop(reply.send(state.scenes.values().cloned().collect())),
            RegistryMessage::Forget(scene) => state.forget(&scene),
            #[cfg(test)]
            RegistryMessage::Fail => panic!("the registry was asked to fail"),
        }
        Ok(())
    }
}

impl RegistryState {
    fn open(
        &mut self,
        scene: SceneId,
        created: Arc<Created>,
        half: Option<PageHolder>,
    ) -> Result<Arc<Cell>, NotAdmitted> {
        if self.scenes.contains_key(&scene) {
            return Err(NotAdmitted::SceneTaken);
        }
        let place = self.admission.admit(&created).map_err(NotAdmitted::Full)?;
        let feed = match &half {
            Some(half) => self.pages.reserve(half).map_err(NotAdmitted::Page)?,
            None => Feed::new(),
        };
        let cell = Cell::new(scene, created, feed, Some(place));
        self.route(cell.clone());
        self.sessions.tell(SessionsMessage::Start(cell.clone()));
        Ok(cell)
    }

    /// The session of `scene`. Where its actor ended while this registry was starting, nobody has told it.
    fn find(&mut self, scene: &SceneId) -> Option<Arc<Cell>> {
        let cell = self.scenes.get(scene)?.clone();
        if cell.address.is_gone() {
            self.forget(scene);
            return None;
        }
        Some(cell)
    }

    fn forget_if_gone(&mut self, page: &PageId) {
        if let Some(scene) = self.pages.scene_of(page).cloned() {
            self.find(&scene);
        }
    }

    fn route(&mut self, cell: Arc<Cell>) {
        let picture = picture(&self.keys, &cell);
        self.pictures.insert(picture, cell.scene.clone());
        self.pages.attach(&cell);
        self.scenes.insert(cell.scene.clone(), cell);
    }

    fn forget(&mut self, scene: &SceneId) {
        if let Some(cell) = self.scenes.remove(scene) {
            self.pictures.remove(&picture(&self.keys, &cell));
            self.pages.detach(&cell);
        }
    }
}

/// The address of a session's QR picture: tells neither its scene id nor its page id.
pub(super) fn picture(keys: &Keys, cell: &Cell) -> String {
    keys.derive(Purpose::Picture, &cell.scene, cell.created.incarnation)
}
