use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use scan_login::domain::{Event, SceneId, State, evolve};
use scan_login::store::{EventStore, Follow};
use serde_json::json;

use crate::{folder, history, median};

const ROUNDS: usize = 5;

pub async fn whole_history(events: u64) -> serde_json::Value {
    let folder = folder();
    let store = history::open(folder.path());
    history::fill(&store, events).await;
    history::archived(&store).await;
    store.close().await;
    drop(store);
    let (mut sealed, mut opened) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (persons, rates) in [(Persons::Sealed, &mut sealed), (Persons::Opened, &mut opened)] {
            let began = Instant::now();
            let (seen, _) = fold(folder.path(), persons).await;
            assert_eq!(seen, events / 4 * 4);
            rates.push(seen as f64 / began.elapsed().as_secs_f64());
        }
    }
    json!({
        "scenario": "replay", "events": events, "rounds": ROUNDS,
        "events_a_second": median(sealed).round(), "target_events_a_second": 1_500_000,
        "with_persons_events_a_second": median(opened).round(),
    })
}

/// What is made of what identifies a person.
#[derive(Clone, Copy)]
pub enum Persons {
    Sealed,
    Opened,
}

/// Opens the store, and folds every stream; how many events there were, and how many logins were redeemed.
pub async fn fold(path: &Path, persons: Persons) -> (u64, u64) {
    let store = Arc::new(history::open(path));
    let follow = Follow::new(store.clone(), 1).reading_ahead(2);
    let mut follow = match persons {
        Persons::Sealed => follow.sealed(),
        Persons::Opened => follow,
    };
    let mut states: HashMap<SceneId, State> = HashMap::new();
    let (mut seen, mut redeemed) = (0, 0);
    loop {
        let batch = follow.batch().await.unwrap();
        if batch.is_empty() {
            break;
        }
        for record in batch {
            seen += 1;
            // What has ended is counted and let go, so that memory tells of the journal only.
            let ends = matches!(record.event, Event::Redeemed(_));
            let state = evolve(states.remove(&record.scene).unwrap_or_default(), &record.event);
            if ends {
                redeemed += u64::from(state.session().is_some());
            } else {
                states.insert(record.scene, state);
            }
        }
    }
    store.close().await;
    (seen, redeemed)
}
