use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::error::BenchError;

/// What this process needs beside its browsers' connections.
const OTHERS: u64 = 512;

/// Sees that so many connections can be open at once, as far as the system allows this process (getrlimit(2)).
///
/// # Errors
/// [`BenchError::Unfit`] where they are too many.
pub fn enough_for(connections: u64) -> Result<(), BenchError> {
    let limits = getrlimit(Resource::Nofile);
    if limits.current != limits.maximum {
        // Where it cannot be raised, what there is counts.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limits.maximum, ..limits });
    }
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if connections.saturating_add(OTHERS) <= most {
        return Ok(());
    }
    let what = format!("{connections} connections are more than this process may have: {most} open files");
    let cure = format!("ask for {} at most, or raise the limit (ulimit -Hn)", most.saturating_sub(OTHERS));
    Err(BenchError::unfit(what, cure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_are_refused_with_how_many_there_may_be() {
        enough_for(10).unwrap();
        let refused = enough_for(u64::MAX);
        let most = getrlimit(Resource::Nofile).current;
        match (refused, most) {
            (Err(error), Some(most)) => assert!(error.cure().contains(&(most - OTHERS).to_string()), "{error}"),
            (outcome, _) => assert!(outcome.is_ok(), "without a limit there is room"),
        }
    }
}
