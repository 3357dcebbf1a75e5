//! Work that can wait, on threads that have nothing else to do: docs/adr/0035.

/// What nice(2) calls it: beside who is at work the thread gets a tenth of the processor, and an idle one whole. Less, and what it
/// holds while it is displaced would be waited for.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Lets all others go first, from here to this thread's end: it cannot be taken back. Only where each thread has a priority of its
/// own, as on Linux (setpriority(2), "C library/kernel differences").
pub(crate) fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = lower() {
        tracing::debug!(%error, "the priority of work that can wait cannot be lowered: it takes its share beside the logins");
    }
}

/// An operator may have given the whole program less.
#[cfg(target_os = "linux")]
fn lower() -> rustix::io::Result<()> {
    use rustix::process::{getpriority_process, setpriority_process};
    if getpriority_process(None)? < NICE { setpriority_process(None, NICE) } else { Ok(()) }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn one_thread_lets_the_others_go_first() {
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let before = priority();
        let lowered = std::thread::spawn(move || {
            give_way();
            priority()
        });
        assert_eq!(lowered.join().unwrap(), before.max(NICE));
        assert_eq!(priority(), before);
    }
}
