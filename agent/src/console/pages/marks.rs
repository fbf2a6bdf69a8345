//! Small pictures, drawn in the text's colour. They stand beside words, never for them.

use maud::{Markup, html};

use crate::control::RunState;

/// Which picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Brand,
    Overview,
    Decisions,
    Runs,
    Queue,
    Numbers,
    Person,
    Key,
    Ledger,
    Good,
    Bad,
    Wait,
    Pause,
    Skip,
    Doubt,
    Busy,
    Ahead,
    Bell,
    Warn,
    Write,
    Money,
    Message,
}

/// A picture.
pub(super) fn mark(mark: Mark) -> Markup {
    let path = match mark {
        Mark::Brand => "M3 9.5 6.5 13 13 3.5",
        Mark::Overview => "M2.5 2.5h4.5v4.5h-4.5zM9 2.5h4.5v4.5H9zM2.5 9h4.5v4.5h-4.5zM9 9h4.5v4.5H9z",
        Mark::Decisions => "M2.5 8.5 6 12l7.5-8M2.5 4h4",
        Mark::Runs => "M4.5 2.5v11l8-5.5z",
        Mark::Queue => "M2.5 4h11M2.5 8h11M2.5 12h7",
        Mark::Numbers => "M2.5 13.5v-5M6.2 13.5v-8M9.8 13.5v-6M13.5 13.5v-11",
        Mark::Ledger => "M4 2.500h8.500v11H4a1.500 1.500 0 0 1 0-3h8.500M4 2.500a1.500 1.500 0 0 0-1.500 1.500v8",
        Mark::Key => {
            "M10.500 2.500a3 3 0 1 1-2.600 4.500L2.500 12.400v1.100h2v-1.500h1.500v-1.500h1.500l1.400-1.400M11 5h.01"
        }
        Mark::Person => {
            "M8 8a2.7 2.7 0 1 0 0-5.4A2.7 2.7 0 0 0 8 8zM2.8 13.5c.6-2.4 2.6-3.7 5.2-3.7s4.600 1.300 5.200 3.700"
        }
        Mark::Good => "M3 8.500 6.500 12 13 4.500",
        Mark::Bad => "M4 4l8 8M12 4l-8 8",
        Mark::Wait => "M8 2.500a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11zM8 5v3.200l2.200 1.500",
        Mark::Pause => "M5.500 3.500v9M10.500 3.500v9",
        Mark::Skip => "M3 8h8M8 4.500 11.500 8 8 11.500M13.500 4v8",
        Mark::Doubt => "M5.500 6a2.500 2.500 0 1 1 3.600 2.200c-.800.400-1.100.900-1.100 1.800M8 12.600v.1",
        Mark::Busy => "M13.500 8A5.500 5.500 0 1 1 8 2.500",
        Mark::Ahead => "M5 8h.1M8 8h.1M11 8h.1",
        Mark::Warn => "M8 2.500 14 13H2zM8 6.500v3M8 11.200v.1",
        Mark::Write => "M3 13l.700-3L10.500 3.200l2.300 2.300L6 12.300z",
        Mark::Money => {
            "M8 2.500a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11zM10 5.800a2.600 2.600 0 1 0 0 4.400M5.500 7.300h3M5.500 8.700h3"
        }
        Mark::Message => "M2.500 4h11v8h-11zM2.500 4.500 8 8.800l5.500-4.300",
        Mark::Bell => {
            "M3.500 11.500h9c-1.200-1-1.400-2-1.400-4.500a3.100 3.100 0 0 0-6.200 0c0 2.500-.2 3.500-1.400 4.500zM7 13.500h2"
        }
    };
    html! {
        svg.mark aria-hidden="true" viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor"
            stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" { path d=(path) {} }
    }
}

/// How something stands: a picture and a word on a tint; the word alone says it.
pub(super) fn pill(tone: &str, picture: Mark, word: &str) -> Markup {
    html! { span.pill.(tone) { (mark(picture)) (word) } }
}

/// The same, with what the word means.
pub(super) fn pill_saying(tone: &str, picture: Mark, word: &str, says: &str) -> Markup {
    html! { span.pill.(tone) title=(says) { (mark(picture)) (word) } }
}

/// A run's state as lists show it.
pub(super) fn state(state: RunState) -> Markup {
    let (tone, picture) = match state {
        RunState::Done => ("good", Mark::Good),
        RunState::Failed | RunState::ContentLost => ("bad", Mark::Bad),
        RunState::Stopped => ("warn", Mark::Pause),
        RunState::Superseded => ("calm", Mark::Skip),
        RunState::Waiting => ("ask", Mark::Wait),
        RunState::Resting => ("calm", Mark::Wait),
        RunState::Running => ("busy", Mark::Busy),
    };
    pill(tone, picture, state.as_str())
}
