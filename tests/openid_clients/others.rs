use serde_json::json;

use crate::back_end::{BackEnd, Library, scanned, shown, world_signing_by};

const LIBRARIES: [Library; 2] = [Library::OpenidClient, Library::Authlib];

#[tokio::test]
async fn clients_of_others_log_in_by_every_algorithm() {
    for algorithm in ["RS256", "ES256"] {
        let world = world_signing_by(algorithm).await;
        let mut subjects = Vec::new();
        for library in LIBRARIES {
            let mut back_end = BackEnd::start(library);
            let page = shown(&world, &back_end.begin(&world, algorithm).await).await;
            let told = back_end.finish(&scanned(&world, &page).await).await;
            assert_eq!(told["openid"], "oAlice", "{library:?} {algorithm}: {told}");
            assert_eq!(told["user"]["openid"], "oAlice");
            assert_eq!((&told["claims"]["iss"], &told["claims"]["aud"]), (&json!(world.url("")), &json!("shop")));
            assert_eq!(told["user"]["sub"], told["claims"]["sub"]);
            assert_eq!(told["after"], "invalid_token", "what was given back is void");
            subjects.push(told["claims"]["sub"].clone());
        }
        assert_eq!(subjects[0], subjects[1]);
    }
}

#[tokio::test]
async fn clients_of_others_understand_a_denial() {
    let world = world_signing_by("RS256").await;
    for library in LIBRARIES {
        let mut back_end = BackEnd::start(library);
        let page = shown(&world, &back_end.begin(&world, "RS256").await).await;
        page.give_up().await;
        let callback = page.wait_for("denied").await["redirect_to"].as_str().unwrap().to_owned();
        let told = back_end.finish(&callback).await;
        assert_eq!(told["error"], "access_denied", "{library:?}: {told}");
    }
}

#[tokio::test]
async fn a_client_of_others_finds_out_that_an_answer_is_not_for_it() {
    let world = world_signing_by("RS256").await;
    let (mut one, mut other) = (BackEnd::start(Library::OpenidClient), BackEnd::start(Library::OpenidClient));
    let page = shown(&world, &one.begin(&world, "RS256").await).await;
    other.begin(&world, "RS256").await;
    let callback = scanned(&world, &page).await;
    let told = other.finish(&callback).await;
    assert!(told["error"].is_string(), "another browser's state is taken: {told}");
    let of_another = callback.replace(&world.address.to_string(), "127.9.9.9");
    let told = one.finish(&of_another).await;
    assert!(told["error"].is_string(), "another issuer's answer is taken: {told}");
    assert_eq!(world.events().await, ["created", "scanned", "confirmed"], "neither has redeemed the code");
}
