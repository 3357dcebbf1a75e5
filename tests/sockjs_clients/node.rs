//! Scripts that run in Node. They end with their input, however this program ends.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::browser::CURE;
use crate::server::{FOLDER, packages};

/// How long a conversation may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

pub struct Node {
    _process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Node {
    pub fn run(script: &str) -> Self {
        packages();
        let mut process = Command::new("node")
            .arg(format!("{FOLDER}/{script}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("node does not start ({error}): {CURE}"));
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { _process: process, input, output }
    }

    pub async fn line(&mut self) -> String {
        let line = timeout(PATIENCE, self.output.next_line()).await.expect("the script says nothing");
        line.unwrap().expect("the script has ended")
    }

    /// Has a conversation, and tells what came of it.
    pub async fn talk(&mut self, conversation: Value) -> Value {
        self.input.write_all(format!("{conversation}\n").as_bytes()).await.unwrap();
        serde_json::from_str(&self.line().await).unwrap()
    }
}
