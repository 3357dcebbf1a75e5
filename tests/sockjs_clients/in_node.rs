//! The clients in Node: every transport that Node has.

use serde_json::json;

use crate::browser::turn;
use crate::conversation::{CLIENTS, assert_echoed, assert_sent_away, messages};
use crate::node::Node;
use crate::server;

const TRANSPORTS: [&str; 4] = ["websocket", "xhr-streaming", "eventsource", "xhr-polling"];

#[tokio::test]
async fn clients_in_node_are_understood_over_every_transport() {
    let _turn = turn().await;
    let address = server::serve().await;
    let mut node = Node::run("client.js");
    for client in CLIENTS {
        for transport in TRANSPORTS {
            let case = format!("{client} over {transport}");
            let talk = |service: &str, messages: Vec<String>| {
                let url = format!("http://{address}/{client}/{service}");
                json!({ "client": client, "url": url, "transport": transport, "messages": messages })
            };
            assert_echoed(&node.talk(talk("echo", messages())).await, transport, &case);
            assert_sent_away(&node.talk(talk("close", vec![])).await, transport, &case);
        }
    }
}
