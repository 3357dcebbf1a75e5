//! From what was typed to what is to be done.

use std::path::PathBuf;

use super::{ReplayArgs, Surroundings};
use crate::domain::Timestamp;
use crate::replay::{Edge, Filter, FilterError, Range, Scanner, local_time, parse_moment, zone_name};

/// What is asked for.
pub(super) enum Task {
    /// The events that the filter selects.
    Events {
        /// Which.
        filter: Filter,
        /// Whether to go on with those that come.
        follow: bool,
    },
    /// Where sessions stood.
    Moment {
        /// When.
        at: Timestamp,
        /// Of which sessions, by what all their events have in common.
        filter: Filter,
        /// Of whose sessions.
        scanner: Option<Scanner>,
    },
    /// The sessions of a range in numbers.
    Report {
        /// Which.
        range: Range,
        /// Where they go.
        file: PathBuf,
    },
}

/// Why what was typed makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli) enum AskError {
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error("{one} does not go with {other}: {reason}")]
    Together { one: &'static str, other: &'static str, reason: &'static str },
    #[error("{option} names {at}, which is still to come")]
    Future { option: &'static str, at: String },
}

impl AskError {
    /// What to type instead.
    pub(in crate::cli) fn cure(&self) -> String {
        match self {
            Self::Filter(error) => error.cure(),
            Self::Together { one, other, .. } => format!("leave {one} or {other} out"),
            Self::Future { option, .. } => format!("give {option} a time that has passed, or `now`"),
        }
    }
}

impl Task {
    /// What `args` ask for, from where the program runs.
    pub(super) fn of(args: &ReplayArgs, around: &Surroundings) -> Result<Self, AskError> {
        refuse(args)?;
        let mut filter = filter(args, around)?;
        if let Some(file) = &args.report {
            not_to_come("--since", filter.since, around)?;
            let range = Range { since: filter.since, until: filter.until };
            return Ok(Self::Report { range, file: file.clone() });
        }
        let Some(at) = &args.at else {
            if !args.follow {
                not_to_come("--since", filter.since, around)?;
            }
            return Ok(Self::Events { filter, follow: args.follow });
        };
        let at = parse_moment(at, around.now, &around.zone, Edge::Start).map_err(FilterError::from)?;
        not_to_come("--at", Some(at), around)?;
        let scanner = filter.openid.take().map(|openid| Scanner { openid, account: filter.account.take() });
        filter.until = Some(at);
        Ok(Self::Moment { at, filter: filter.checked()?, scanner })
    }
}

/// What does not go together.
fn refuse(args: &ReplayArgs) -> Result<(), AskError> {
    let ends = "the moment is the end";
    let sessions = "what is told are sessions, not events";
    let of_all = "it tells of all sessions of a range, and names nobody";
    let (follow, kinds) = (("--follow", args.follow), ("--type", !args.kinds.is_empty()));
    let (scene, openid) = (("--scene", args.scene.is_some()), ("--openid", args.openid.is_some()));
    let beside_at = [
        (follow, "a moment that has passed does not go on"),
        (("--until", args.until.is_some()), ends),
        (kinds, sessions),
    ];
    let beside_report = [
        (("--at", args.at.is_some()), "it tells of a range, not of a moment"),
        (follow, "a page does not go on"),
        (("--format", args.format.is_some()), "it is a page"),
        (kinds, sessions),
        (scene, of_all),
        (openid, of_all),
    ];
    let at = beside_at.into_iter().filter(|_| args.at.is_some()).map(|pair| ("--at", pair));
    let report = beside_report.into_iter().filter(|_| args.report.is_some()).map(|pair| ("--report", pair));
    match report.chain(at).find(|(_, ((_, is_given), _))| *is_given) {
        Some((one, ((other, _), reason))) => Err(AskError::Together { one, other, reason }),
        None => Ok(()),
    }
}

fn not_to_come(option: &'static str, at: Option<Timestamp>, around: &Surroundings) -> Result<(), AskError> {
    match at.filter(|at| *at > around.now) {
        Some(at) => Err(AskError::Future { option, at: spoken(at, around) }),
        None => Ok(()),
    }
}

/// A moment in a sentence.
pub(super) fn spoken(at: Timestamp, around: &Surroundings) -> String {
    format!("{} ({})", local_time(at, &around.zone, "%Y-%m-%d %H:%M:%S"), zone_name(&around.zone))
}

fn filter(args: &ReplayArgs, around: &Surroundings) -> Result<Filter, FilterError> {
    let mut filter = Filter { kinds: args.kinds.clone(), ..Filter::default() };
    for (key, value) in [("scene", &args.scene), ("openid", &args.openid), ("account", &args.account)] {
        if let Some(value) = value {
            filter.set(key, value)?;
        }
    }
    let moment = |text: &Option<String>, edge| {
        text.as_deref().map(|text| parse_moment(text, around.now, &around.zone, edge)).transpose()
    };
    filter.since = moment(&args.since, Edge::Start)?;
    filter.until = moment(&args.until, Edge::End)?;
    filter.checked()
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::cli::replay::Format;
    use crate::domain::EventKind;

    fn around() -> Surroundings {
        let now = Timestamp::from_micros(1_767_323_045_000_000);
        Surroundings { now, zone: TimeZone::UTC, screen: None, shows_progress: false }
    }

    fn asked() -> ReplayArgs {
        ReplayArgs::default()
    }

    fn refused(args: &ReplayArgs) -> (String, String) {
        let Err(error) = Task::of(args, &around()) else { panic!("{args:?} was taken") };
        (error.to_string(), error.cure())
    }

    #[test]
    fn arguments_become_a_filter() {
        let args = ReplayArgs {
            since: Some("-15m".into()),
            until: Some("2026-01-02".into()),
            kinds: vec![EventKind::Denied, EventKind::Revoked],
            openid: Some("o6".into()),
            account: Some("main".into()),
            scene: Some("123451".into()),
            ..asked()
        };
        let Ok(Task::Events { filter, follow: false }) = Task::of(&args, &around()) else { panic!() };
        let pairs: Vec<String> = filter.pairs().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            pairs,
            [
                "scene=123451",
                "since=2026-01-02T02:49:05.000000Z",
                "until=2026-01-02T23:59:59.999999Z",
                "type=denied",
                "type=revoked",
                "openid=o6",
                "account=main"
            ]
        );
    }

    #[test]
    fn a_moment_is_the_end_of_what_is_read() {
        let args = ReplayArgs {
            at: Some("1h".into()),
            since: Some("2h".into()),
            openid: Some("o6".into()),
            scene: Some("123451".into()),
            ..asked()
        };
        let Ok(Task::Moment { at, filter, scanner }) = Task::of(&args, &around()) else { panic!() };
        assert_eq!((filter.until, filter.scene.as_deref()), (Some(at), Some("123451")));
        assert_eq!(filter.openid, None, "the beginning of a session is read, too, which names no openid");
        assert_eq!(scanner.unwrap().openid.as_str(), "o6");
    }

    #[test]
    fn what_makes_no_sense_is_told_with_a_cure() {
        let (told, cure) = refused(&ReplayArgs { at: Some("1h".into()), follow: true, ..asked() });
        assert_eq!(told, "--at does not go with --follow: a moment that has passed does not go on");
        assert_eq!(cure, "leave --at or --follow out");
        let until = ReplayArgs { at: Some("1h".into()), until: Some("1h".into()), ..asked() };
        assert!(refused(&until).0.starts_with("--at does not go with --until"));
        let kinds = ReplayArgs { at: Some("1h".into()), kinds: vec![EventKind::Denied], ..asked() };
        assert!(refused(&kinds).0.starts_with("--at does not go with --type"));
        let future = ReplayArgs { at: Some("2026-01-02T03:04:06Z".into()), ..asked() };
        assert_eq!(refused(&future).0, "--at names 2026-01-02 03:04:06 (UTC), which is still to come");
        let since = ReplayArgs { since: Some("2026-01-03".into()), ..asked() };
        assert_eq!(refused(&since).0, "--since names 2026-01-03 00:00:00 (UTC), which is still to come");
        let reversed = ReplayArgs { at: Some("2h".into()), since: Some("1h".into()), ..asked() };
        assert!(refused(&reversed).0.starts_with("the end of the time asked for"));
        assert_eq!(refused(&ReplayArgs { at: Some("soon".into()), ..asked() }).0, "`soon` is not a time");
    }

    #[test]
    fn a_report_is_of_a_range_and_of_nobody() {
        let report = || ReplayArgs { report: Some("page.html".into()), since: Some("2h".into()), ..asked() };
        let Ok(Task::Report { range, .. }) = Task::of(&report(), &around()) else { panic!() };
        assert!(range.since.is_some() && range.until.is_none());
        for (args, other) in [
            (ReplayArgs { at: Some("1h".into()), ..report() }, "--at"),
            (ReplayArgs { follow: true, ..report() }, "--follow"),
            (ReplayArgs { format: Some(Format::Jsonl), ..report() }, "--format"),
            (ReplayArgs { kinds: vec![EventKind::Denied], ..report() }, "--type"),
            (ReplayArgs { scene: Some("123451".into()), ..report() }, "--scene"),
            (ReplayArgs { openid: Some("o6".into()), ..report() }, "--openid"),
        ] {
            let (told, cure) = refused(&args);
            assert!(told.starts_with(&format!("--report does not go with {other}")), "{told}");
            assert_eq!(cure, format!("leave --report or {other} out"));
        }
    }

    #[test]
    fn a_follower_may_wait_for_a_time_to_come() {
        assert!(Task::of(&ReplayArgs { since: Some("2026-01-03".into()), follow: true, ..asked() }, &around()).is_ok());
    }
}
