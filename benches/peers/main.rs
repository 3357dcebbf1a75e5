//! Peers and bare limits.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

mod bare;
mod bounds;
mod figures;
mod limits;
mod process;
mod serving;
mod settings;

use settings::Settings;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, name] = &arguments[..]
        && command == "serve"
    {
        return serve(name);
    }
    process::pin_the_load();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        println!("{}", limits::measure(1).await);
    });
}

/// The servers are this program, too. They have the same runtime as our daemon.
#[tokio::main]
async fn serve(name: &str) {
    let settings = Settings::from_input();
    match name {
        "bare" => bare::run(settings, false).await,
        "bare_alone" => bare::run(settings, true).await,
        "echo" => bounds::echo::run(settings.address()).await,
        "empty" => bounds::empty::run(settings.address()).await,
        name => panic!("there is no server {name}"),
    }
}
