//! Making a passkey, and the form by which one signs.

use maud::{Markup, html};

use super::marks::{Mark, mark};
use super::{Body, Section, form_field};

/// What a passkey is to sign, for which site.
pub(in crate::console) struct ToSign<'a> {
    /// The site; pages that are reached by an address of numbers have none.
    pub(in crate::console) rp: Option<&'a str>,
    /// The challenge, base64url.
    pub(in crate::console) challenge: &'a str,
    /// The credentials that count, each base64url; where it is empty, whoever asks shall not learn which there are.
    pub(in crate::console) allow: &'a [String],
}

/// A form that is sent when a passkey signed; hidden until a script finds that one can.
pub(super) fn form(action: &str, to_sign: &ToSign<'_>, word: &str, class: &str, fields: &Markup) -> Markup {
    html! {
        @if let Some(rp) = to_sign.rp {
            form.stack.passkey method="post" action=(action) hidden data-passkey="sign"
                data-challenge=(to_sign.challenge) data-rp=(rp) data-allow=[(!to_sign.allow.is_empty()).then(|| to_sign.allow.join(" "))] {
                (fields)
                input type="hidden" name="passkey" value="";
                button type="submit" class=(class) { (mark(Mark::Key)) (word) }
                p.hint role="status" { "A touch, a PIN, a finger or a face: as your device asks." }
            }
        }
    }
}

/// Who makes a passkey, where.
pub(in crate::console) struct Making<'a> {
    pub(in crate::console) rp: Option<&'a str>,
    pub(in crate::console) challenge: &'a str,
    /// What the authenticator knows the person by, base64url.
    pub(in crate::console) user: &'a str,
    /// What it shows.
    pub(in crate::console) name: &'a str,
    /// Whether they are of the agency.
    pub(in crate::console) is_agency: bool,
    /// How many the newest release lists for this person.
    pub(in crate::console) known: usize,
}

pub(in crate::console) fn page(making: &Making<'_>) -> Body {
    let main = html! {
        h1 { "Your passkeys" }
        p.lead {
            "The newest release lists " @match making.known { 0 => "none", many => (many) } " for you."
            " A passkey signs you in, and signs what you decide, with a touch. It counts when its line stands in a file that is signed for."
        }
        @match making.rp {
            Some(rp) => {
                form.stack.passkey method="post" action="/passkey" hidden data-passkey="make" data-challenge=(making.challenge)
                    data-rp=(rp) data-user=(making.user) data-name=(making.name) {
                    (form_field())
                    input type="hidden" name="passkey" value="";
                    button.main type="submit" { (mark(Mark::Key)) "Create a passkey for " (rp) }
                    p.hint role="status" { "It stays on your device or in your password manager." }
                }
                p.banner.warn data-no-passkey="" hidden { (mark(Mark::Warn)) "This browser does not support passkeys." }
                noscript { p.banner.warn { (mark(Mark::Warn)) "Passkeys need JavaScript. SSH keys do not." } }
            }
            None => p.banner.warn { (mark(Mark::Warn)) "Passkeys need a host name, but this page was opened by IP address. Open it as " code { "http://localhost" } " with its port, or by the console's name." }
        }
    };
    Body { title: "Passkeys".into(), section: Section::Own, main, is_live: false }
}

/// The line of a new passkey, and where it goes.
pub(in crate::console) fn made(line: &str, person: &str, making: &Making<'_>) -> Body {
    let main = html! {
        h1 { "One more step" }
        p.lead { "Your device keeps the passkey. It counts from the release on that lists this line." }
        figure.command {
            figcaption {
                @if making.is_agency { "Keep it in a file, " code { "passkey.txt" } ", and hand that to who makes the next root:" }
                @else { "Add it to your " code { "keys" } " in the client's file, " code { "client.toml" } ":" }
            }
            pre tabindex="0" aria-label="The line" data-copy="" { code { (line) } }
        }
        @if making.is_agency {
            figure.command {
                figcaption { "They write and sign the next root with it:" }
                pre tabindex="0" aria-label="Command" data-copy="" { code { "assent trust root --passkey " (person) "=passkey.txt" } }
            }
        } @else {
            p { "Who decides is part of what the client's approvers sign: after the change, " code { "assent plan --draft" } " writes the statement for them." }
        }
        p { a href="/passkey" { "Create another one" } }
    };
    Body { title: "Passkeys".into(), section: Section::Own, main, is_live: false }
}
