//! Which address is which page. Pure.

use assent_schema::canon::Digest;
use assent_schema::id::ClientId;

use crate::store::{AlertNo, RunId};

/// A page or an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// A file that never changes while this version runs.
    Asset(Asset),
    /// `/sign-in` and what belongs to it.
    SignIn(SignIn),
    /// A page for somebody who is signed in.
    Page(Page),
    /// A form that somebody sent who is signed in.
    Act(Act),
    /// A file of a ledger, for somebody who is signed in.
    Taken(Taken),
}

/// Files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asset {
    /// How pages look.
    Style,
    /// What brings pages up to date.
    Script,
    /// What signs with passkeys.
    Passkey,
    /// The picture in the tab.
    Icon,
}

/// The way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SignIn {
    /// `GET /sign-in`: who are you?
    Ask,
    /// `POST /sign-in`: a challenge to sign.
    Challenge,
    /// `POST /sign-in/proof`: the signed challenge.
    Proof,
    /// `POST /sign-in/challenge`: the same for programs, as JSON.
    ChallengeJson,
    /// `POST /sign-in/links`: a signed challenge for a link, as JSON.
    Links,
    /// `GET /sign-in/link/<token>`: a page with a button; looking at it changes nothing.
    Link(String),
    /// `POST /sign-in/link/<token>`.
    Follow(String),
}

/// Pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// `/`
    Overview,
    /// `/decisions`
    Decisions,
    /// `/decisions/<nonce>`
    Question(Digest),
    /// `/runs`
    Runs,
    /// `/runs/<run>`
    Run(RunId),
    /// `/queue`
    Queue,
    /// `/numbers`
    Numbers,
    /// `/numbers.csv`
    Table,
    /// `/passkey`
    Passkey,
    /// `/incidents`
    Incidents,
    /// `/incidents/i-<number>`
    Incident(i64),
    /// `/alerts/a-<number>`
    Alert(i64),
    /// `/holds`
    Holds,
    /// `/ledger`
    Ledger,
}

/// What of a ledger is taken along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// Whose: a client's, or the agent's own, written `-`.
    pub(super) client: Option<ClientId>,
    /// What.
    pub(super) what: Kept,
}

/// A file of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// The newest checkpoint.
    Checkpoint,
    /// The proof of one entry.
    Proof(u64),
}

/// What forms do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// `/sign-out`
    SignOut,
    /// `/passkey`
    Passkey,
    /// `/decisions/<nonce>`
    Decide(Digest),
    /// `/hold`
    Hold,
    /// `/resume`
    Resume,
    /// `/roll-back`
    RollBack,
    /// `/incidents`
    Incident,
    /// `/alerts`
    Alert,
    /// `/incidents/i-<number>`
    Share(i64),
    /// `/runs/<run>`
    Handle(RunId),
    /// `/runs/<run>/content`
    Reread(RunId),
}

/// Finds the page of a method and path; what is not there is `None`. Nothing is decoded, no slash forgiven.
pub(super) fn route(method: &str, path: &str) -> Option<Route> {
    let parts: Vec<_> = path.strip_prefix('/')?.split('/').collect();
    let (page, act) = (|page| Some(Route::Page(page)), |act| Some(Route::Act(act)));
    let sign_in = |sign_in| Some(Route::SignIn(sign_in));
    match (method, parts.as_slice()) {
        ("GET", ["console.css"]) => Some(Route::Asset(Asset::Style)),
        ("GET", ["console.js"]) => Some(Route::Asset(Asset::Script)),
        ("GET", ["passkey.js"]) => Some(Route::Asset(Asset::Passkey)),
        ("GET", ["icon.svg"]) => Some(Route::Asset(Asset::Icon)),
        ("GET", ["sign-in"]) => sign_in(SignIn::Ask),
        ("POST", ["sign-in"]) => sign_in(SignIn::Challenge),
        ("POST", ["sign-in", "proof"]) => sign_in(SignIn::Proof),
        ("POST", ["sign-in", "challenge"]) => sign_in(SignIn::ChallengeJson),
        ("POST", ["sign-in", "links"]) => sign_in(SignIn::Links),
        ("GET", ["sign-in", "link", token]) => sign_in(SignIn::Link((*token).to_owned())),
        ("POST", ["sign-in", "link", token]) => sign_in(SignIn::Follow((*token).to_owned())),
        ("GET", [""]) => page(Page::Overview),
        ("GET", ["decisions"]) => page(Page::Decisions),
        ("GET", ["decisions", nonce]) => page(Page::Question(nonce.parse().ok()?)),
        ("POST", ["decisions", nonce]) => act(Act::Decide(nonce.parse().ok()?)),
        ("GET", ["runs"]) => page(Page::Runs),
        ("GET", ["runs", run]) => page(Page::Run(run.parse().ok()?)),
        ("POST", ["runs", run, "content"]) => act(Act::Reread(run.parse().ok()?)),
        ("POST", ["runs", run]) => act(Act::Handle(run.parse().ok()?)),
        ("GET", ["queue"]) => page(Page::Queue),
        ("GET", ["numbers"]) => page(Page::Numbers),
        ("GET", ["numbers.csv"]) => page(Page::Table),
        ("GET", ["incidents"]) => page(Page::Incidents),
        ("GET", ["incidents", id]) => page(Page::Incident(incident(id)?)),
        ("GET", ["alerts", id]) => page(Page::Alert(id.parse().ok().map(AlertNo::get)?)),
        ("POST", ["incidents", id]) => act(Act::Share(incident(id)?)),
        ("GET", ["holds"]) => page(Page::Holds),
        ("GET", ["ledger"]) => page(Page::Ledger),
        ("GET", ["ledger", log, "checkpoint"]) => kept(log, Kept::Checkpoint),
        ("GET", ["ledger", log, name]) => kept(log, Kept::Proof(number(name.strip_suffix(".tlog-proof")?)?)),
        ("GET", ["passkey"]) => page(Page::Passkey),
        ("POST", ["passkey"]) => act(Act::Passkey),
        ("POST", ["sign-out"]) => act(Act::SignOut),
        ("POST", ["hold"]) => act(Act::Hold),
        ("POST", ["resume"]) => act(Act::Resume),
        ("POST", ["roll-back"]) => act(Act::RollBack),
        ("POST", ["incidents"]) => act(Act::Incident),
        ("POST", ["alerts"]) => act(Act::Alert),
        _ => None,
    }
}

fn kept(log: &str, what: Kept) -> Option<Route> {
    let client = if log == "-" { None } else { Some(log.parse().ok()?) };
    Some(Route::Taken(Taken { client, what }))
}

/// The number of an incident's name.
fn incident(id: &str) -> Option<i64> {
    number(id.strip_prefix("i-")?)?.try_into().ok()
}

/// A number in its one spelling.
fn number(text: &str) -> Option<u64> {
    text.parse::<u64>().ok().filter(|number| number.to_string() == text)
}

/// A path and query that may be gone to after signing in: one of our own pages, or the first.
pub(super) fn onward(next: Option<&str>) -> String {
    let is_page = |next: &&str| {
        let path = next.split_once('?').map_or(*next, |(path, _)| path);
        let plain = next.bytes().all(|b| b.is_ascii_graphic() && !b"\\\"'<>#".contains(&b));
        plain && matches!(route("GET", path), Some(Route::Page(_)))
    };
    next.filter(is_page).unwrap_or("/").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_never_acts_and_each_page_has_one_spelling() {
        let (run, nonce) = ("0".repeat(32), "0".repeat(64));
        for act in ["sign-out", "hold", "resume", "roll-back", "alerts"] {
            assert!(matches!(route("POST", &format!("/{act}")), Some(Route::Act(_))), "{act}");
            assert_eq!(route("GET", &format!("/{act}")), None, "{act}");
        }
        for place in [format!("/decisions/{nonce}"), format!("/runs/{run}")] {
            assert!(matches!(route("GET", &place), Some(Route::Page(_))), "{place}");
            assert!(matches!(route("POST", &place), Some(Route::Act(_))), "{place}");
        }
        for page in [
            "/",
            "/decisions",
            "/runs",
            "/queue",
            "/numbers",
            "/incidents",
            "/incidents/i-7",
            "/alerts/a-7",
            "/holds",
            "/ledger",
            "/ledger/acme/7.tlog-proof",
            "/ledger/-/checkpoint",
            "/passkey",
            "/console.css",
            "/sign-in",
        ] {
            assert!(route("GET", page).is_some(), "{page}");
            assert!(route("HEAD", page).is_none(), "{page}");
        }
        for bad in [
            "",
            "//",
            "/incidents/7",
            "/incidents/i-07",
            "/incidents/i--1",
            "/alerts/7",
            "/alerts/a-07",
            "/alerts/i-7",
            "/ledger/acme",
            "/ledger/ACME/checkpoint",
            "/ledger/acme/07.tlog-proof",
            "/runs/",
            "/runs/x",
            "/decisions/x",
            "/runs/../queue",
            "/RUNS",
            "/sign-in/link",
        ] {
            assert_eq!(route("GET", bad), None, "{bad}");
        }
    }

    #[test]
    fn one_goes_on_to_our_own_pages_only() {
        for ours in ["/", "/runs?client=acme&state=failed", "/queue", "/alerts/a-7"] {
            assert_eq!(onward(Some(ours)), ours);
        }
        let bad = [
            "https://evil.example",
            "//evil.example",
            "/sign-out",
            "/sign-in",
            "/x",
            "/runs?a=\"><script>",
            "/\\e",
            "",
        ];
        for bad in bad {
            assert_eq!(onward(Some(bad)), "/", "{bad}");
        }
        assert_eq!(onward(None), "/");
    }
}
