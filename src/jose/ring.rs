use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::jwk::JwkSet;
use serde::Serialize;

use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::keys::KeysError;

use super::folder;
use super::rotation::plan;
use super::signing_key::{Algorithm, SigningKey, generate};

/// The keys that id tokens are signed with. Clone it freely.
#[derive(Clone)]
pub struct KeyRing {
    folder: PathBuf,
    clock: Clock,
    keys: Arc<RwLock<Keys>>,
}

/// The keys of each algorithm, oldest first.
type Keys = HashMap<Algorithm, Vec<Arc<SigningKey>>>;

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyRing(…)")
    }
}

/// Nothing could be signed: the keys are not there yet, or the cryptography refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no key to sign with")]
pub struct SignError;

impl KeyRing {
    /// A ring over the keys in `folder`, empty until [`turn`](Self::turn) is called.
    pub fn new(folder: &Path, clock: Clock) -> Self {
        Self { folder: folder.to_owned(), clock, keys: Arc::default() }
    }

    /// Reads, makes and removes keys so that the ring is as it must be now; to be called at the start and every hour. It
    /// works on files and makes keys, which takes up to a second: not for a thread that others wait for.
    ///
    /// # Errors
    /// [`KeysError`]; the ring is as it was, or part of the way.
    pub fn turn(&self) -> Result<(), KeysError> {
        for algorithm in Algorithm::ALL {
            let mut known = self.known(algorithm)?;
            let now = self.clock.now();
            let wanted = plan(&known.iter().map(|key| key.made).collect::<Vec<_>>(), now);
            if wanted.next {
                known.push(Arc::new(self.make(algorithm, now)?));
            }
            for key in known.drain(..wanted.over) {
                folder::remove(&self.folder, algorithm, key.made)?;
            }
            self.keys.write().unwrap_or_else(PoisonError::into_inner).insert(algorithm, known);
        }
        Ok(())
    }

    /// The claims as a signed token.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(&self, algorithm: Algorithm, claims: &impl Serialize) -> Result<String, SignError> {
        let keys = self.of(algorithm);
        let made: Vec<Timestamp> = keys.iter().map(|key| key.made).collect();
        let key = plan(&made, self.clock.now()).signs.map(|index| &keys[index]);
        key.and_then(|key| key.sign(claims)).ok_or(SignError)
    }

    /// The public halves (RFC 7517 §5), those of coming keys included.
    pub fn public(&self) -> JwkSet {
        let published = |algorithm| self.of(algorithm).into_iter().map(|key| key.jwk.clone());
        JwkSet { keys: Algorithm::ALL.into_iter().flat_map(published).collect() }
    }

    fn of(&self, algorithm: Algorithm) -> Vec<Arc<SigningKey>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).get(&algorithm).cloned().unwrap_or_default()
    }

    /// The keys there are, those in the folder first read where they are not known yet.
    fn known(&self, algorithm: Algorithm) -> Result<Vec<Arc<SigningKey>>, KeysError> {
        let known = self.of(algorithm);
        if !known.is_empty() {
            return Ok(known);
        }
        let folder = &self.folder;
        let read = |made| {
            let pem = folder::read(folder, algorithm, made)?;
            let key = SigningKey::from_pem(algorithm, made, &pem);
            key.map(Arc::new).ok_or_else(|| KeysError::NotASigningKey(folder::path(folder, algorithm, made)))
        };
        folder::list(folder, algorithm)?.into_iter().map(read).collect()
    }

    fn make(&self, algorithm: Algorithm, now: Timestamp) -> Result<SigningKey, KeysError> {
        // The file's name keeps whole seconds.
        let made = Timestamp::from_micros(now.as_seconds() * 1_000_000);
        let path = folder::path(&self.folder, algorithm, made);
        let failed = || KeysError::NotASigningKey(path.clone());
        let pem = generate(algorithm).ok_or_else(failed)?;
        folder::write(&self.folder, algorithm, made, &pem)?;
        tracing::info!(path = %path.display(), "made a new key for id tokens");
        SigningKey::from_pem(algorithm, made, &pem).ok_or_else(failed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use serde_json::json;

    use super::*;

    const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

    /// A ring over `folder` with a clock to set, in days.
    fn ring(folder: &Path) -> (KeyRing, Arc<AtomicI64>) {
        let now = Arc::new(AtomicI64::new(1_800_000_000 * 1_000_000));
        let clock = now.clone();
        let clock = Clock::from_fn(move || Timestamp::from_micros(clock.load(Ordering::Relaxed)));
        (KeyRing::new(folder, clock), now)
    }

    fn kid_of_the_next(ring: &KeyRing) -> String {
        let token = ring.sign(Algorithm::Es256, &json!({})).unwrap();
        jsonwebtoken::decode_header(&token).unwrap().kid.unwrap()
    }

    #[test]
    fn keys_follow_each_other_and_old_ones_stay_published_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let (ring, now) = ring(folder.path());
        assert_eq!(ring.sign(Algorithm::Rs256, &json!({})), Err(SignError));
        ring.turn().unwrap();
        let first = kid_of_the_next(&ring);
        assert_eq!(ring.public().keys.len(), 2);

        now.fetch_add(89 * DAY_MICROS, Ordering::Relaxed);
        ring.turn().unwrap();
        assert_eq!(
            (ring.public().keys.len(), kid_of_the_next(&ring)),
            (4, first.clone()),
            "it is not known for long enough"
        );

        now.fetch_add(DAY_MICROS, Ordering::Relaxed);
        let second = kid_of_the_next(&ring);
        assert_ne!(second, first);
        ring.turn().unwrap();
        assert!(ring.public().find(&first).is_some(), "tokens that it signed are still about");

        now.fetch_add(2 * DAY_MICROS, Ordering::Relaxed);
        ring.turn().unwrap();
        assert!(ring.public().find(&first).is_none());
        assert_eq!(kid_of_the_next(&ring), second);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn keys_are_the_same_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (first, _) = ring(folder.path());
        first.turn().unwrap();
        let (again, _) = ring(folder.path());
        again.turn().unwrap();
        assert_eq!(kid_of_the_next(&again), kid_of_the_next(&first));
    }

    #[test]
    fn a_broken_key_is_refused_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (first, _) = ring(folder.path());
        first.turn().unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            std::fs::write(entry.unwrap().path(), "not a key").unwrap();
        }
        let (again, _) = ring(folder.path());
        assert!(matches!(again.turn(), Err(KeysError::NotASigningKey(_))));
    }
}
