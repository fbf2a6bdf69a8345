//! Pages as HTML. Everything is escaped by construction; nothing inline; readable without scripts. Pure.

pub(super) mod alert;
pub(super) mod content;
pub(super) mod decisions;
pub(super) mod holds;
pub(super) mod incidents;
pub(super) mod ledger;
mod marks;
pub(super) mod numbers;
pub(super) mod overview;
pub(super) mod passkey;
mod plot;
pub(super) mod question;
pub(super) mod queue;
pub(super) mod run;
pub(super) mod runs;
pub(super) mod sign_in;
mod troubles;

use maud::{DOCTYPE, Markup, html};

use super::answer::{self, Answer};
use super::office::Refused;
use super::troubles::Line;
use super::words;
use crate::world::Wall;
use marks::{Mark, mark};

/// What stands around a page for somebody who is signed in.
pub(super) struct Frame {
    /// The agent's name.
    pub(super) agent: String,
    /// Its environment.
    pub(super) environment: String,
    /// Its region.
    pub(super) region: String,
    /// Who is signed in.
    pub(super) who: String,
    /// Whether they are of the agency, not a client's decider.
    pub(super) is_agency: bool,
    /// The token of forms.
    pub(super) form: String,
    /// The token by which the page brings itself up to date.
    pub(super) live: String,
    /// What was just done.
    pub(super) said: Option<&'static str>,
    /// What stands wrong.
    pub(super) troubles: Vec<Line>,
    /// The time.
    pub(super) now: Wall,
}

/// A part of the console, as the navigation names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Decisions,
    Runs,
    Queue,
    Incidents,
    Holds,
    Ledger,
    Numbers,
    /// A page about whoever looks, which the navigation does not list.
    Own,
}

impl Section {
    const ALL: [(Self, &'static str, &'static str, Mark); 8] = [
        (Self::Overview, "/", "Overview", Mark::Overview),
        (Self::Decisions, "/decisions", "Decisions", Mark::Decisions),
        (Self::Runs, "/runs", "Runs", Mark::Runs),
        (Self::Queue, "/queue", "Manual queue", Mark::Queue),
        (Self::Incidents, "/incidents", "Incidents", Mark::Bell),
        (Self::Holds, "/holds", "Holds", Mark::Pause),
        (Self::Ledger, "/ledger", "Ledger", Mark::Ledger),
        (Self::Numbers, "/numbers", "KPIs", Mark::Numbers),
    ];
}

/// What a page says.
pub(super) struct Body {
    /// Its title.
    pub(super) title: String,
    /// Where it belongs.
    pub(super) section: Section,
    /// Its content. `FORM` stands where the form's token goes.
    pub(super) main: Markup,
    /// Whether it brings itself up to date.
    pub(super) is_live: bool,
}

/// Where a form's token goes: pages do not know it.
const FORM: &str = "00form-token00";

/// The hidden field of every form.
fn form_field() -> Markup {
    html! { input type="hidden" name="form" value=(FORM); }
}

/// The document around everything.
fn document(title: &str, body: &Markup) -> Markup {
    let version = env!("CARGO_PKG_VERSION");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " · Assent" }
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href={ "/console.css?" (version) };
                script src={ "/console.js?" (version) } defer {}
                script src={ "/passkey.js?" (version) } defer {}
            }
            (body)
        }
    }
}

/// A whole page for somebody who is signed in.
pub(super) fn whole(status: u16, frame: &Frame, body: Body) -> Answer {
    let Body { title, section, main, is_live } = body;
    let main = maud::PreEscaped(main.into_string().replace(FORM, &frame.form));
    let live = is_live.then_some(frame.live.as_str());
    let listed = |wanted: Section| frame.is_agency || wanted == Section::Decisions;
    let page = html! {
        body {
            a.skip href="#main" { "Skip to the page" }
            div.shell {
                header.side {
                    a.brand href="/" { (mark(Mark::Brand)) span { "Assent" } }
                    nav aria-label="Console" {
                        ul {
                            @for (one, place, name, picture) in Section::ALL {
                                @if listed(one) {
                                    li { a href=(place) aria-current=[(one == section).then_some("page")] { (mark(picture)) (name) } }
                                }
                            }
                        }
                    }
                    div.place {
                        span.agent { (frame.agent) }
                        span.where { span.dot.(frame.environment) {} (frame.environment) " · " (frame.region) }
                    }
                    form.me method="post" action="/sign-out" {
                        input type="hidden" name="form" value=(frame.form);
                        a href="/passkey" { (mark(Mark::Person)) (frame.who) span.unseen { ": your passkeys" } }
                        button.quiet type="submit" { "Sign out" }
                    }
                }
                main #main tabindex="-1" data-live=[live] {
                    @if let Some(said) = frame.said { p.banner.good role="status" { (mark(Mark::Good)) (said) } }
                    (troubles::troubles(&frame.troubles, frame.now))
                    (main)
                }
            }
            footer {
                p #fresh data-at=[live.map(|_| frame.now.moment().to_string())] {
                    "As of " (words::exact(frame.now)) " UTC."
                    " Every page view is recorded in the ledger."
                }
            }
        }
    };
    answer::page(status, document(&title, &page))
}

/// A small page for everybody.
fn small(status: u16, title: &str, main: &Markup) -> Answer {
    let page = html! {
        body.small {
            a.skip href="#main" { "Skip to the page" }
            main #main tabindex="-1" { p.brand { (mark(Mark::Brand)) span { "Assent" } } (main) }
        }
    };
    answer::page(status, document(title, &page))
}

/// A page that only says something.
pub(super) fn plain(status: u16, title: &str, text: &str) -> Answer {
    small(status, title, &html! { h1 { (title) } p { (text) } p { a href="/" { "To the console" } } })
}

/// Nothing is there, or nothing that this person may see: nobody can tell which.
pub(super) fn missing(frame: Option<&Frame>) -> Answer {
    let (title, text) = ("Not found", "There is no such page, or you have no access to it.");
    let Some(frame) = frame else { return plain(404, title, text) };
    let main = html! { h1 { (title) } p.lead { (text) } };
    let section = if frame.is_agency { Section::Overview } else { Section::Decisions };
    whole(404, frame, Body { title: title.into(), section, main, is_live: false })
}

/// It could not be read or written down.
pub(super) fn busy() -> Answer {
    plain(
        503,
        "Temporarily unavailable",
        "The agent cannot read or write its state right now, and it shows nothing that it cannot record. Try again in a moment.",
    )
}

/// Somebody came from another site, with which browsers do not send our cookie: the page loads itself once more.
pub(super) fn again(address: &str) -> Answer {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content={ "0;url=" (address) };
                title { "One moment · Assent" }
                link rel="stylesheet" href="/console.css";
            }
            body.small { main { h1 { "One moment" } p { a href=(address) { "Continue to the console" } } } }
        }
    };
    answer::page(200, page)
}

/// Something was not done.
pub(super) fn refused(status: u16, frame: &Frame, no: &Refused) -> Answer {
    let mut what = no.what.chars();
    let what: String = what.next().into_iter().flat_map(char::to_uppercase).chain(what).collect();
    let main = html! {
        h1 { "Not done" }
        p.banner.bad role="alert" { (mark(Mark::Bad)) strong { (what) "." } " " (no.help) }
        p { a href="/" { "Back to the overview" } }
    };
    let section = if frame.is_agency { Section::Overview } else { Section::Decisions };
    whole(status, frame, Body { title: "Not done".into(), section, main, is_live: false })
}

/// What a page says of what was just done: a closed list, so that no link can put words here.
pub(super) fn said(code: &str) -> Option<&'static str> {
    Some(match code {
        "yes" => "You agreed. The run continues.",
        "no" => "You refused. The run continues without it.",
        "held" => "Held: triggers are kept, runs pause.",
        "resumed" => "Resumed. Runs that were paused continue one after the other.",
        "rolled-back" => "The previous plan runs now, until a release readmits the other one.",
        "rolled-back-events" => {
            "The previous plan runs now, until a release readmits the other one. It knows events otherwise than that one: some \
             may run a second time, or wait (docs/language.md, Poll)."
        }
        "acknowledged" => "Acknowledged: the response clock has stopped.",
        "cared-for" => "Acknowledged. The alert stays open until its cause is gone.",
        "resolved" => "Resolved. A post-mortem is due.",
        "shared" => "The post-mortem was sent to the client's contacts.",
        "written" => "Recorded. The client has left, so it was sent to nobody.",
        "closed" => "Nothing is left to do.",
        "retry" => "The run resumes at the step that failed. What was done stays done.",
        "skip" => "The run resumes after the step that failed.",
        "rerun" => "The run starts over with the current plan. What was done stays done.",
        "cancel" => "The run stops before its next step.",
        "done" => "Marked as done; it has left the manual queue.",
        _ => return None,
    })
}
