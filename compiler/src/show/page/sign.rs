//! What exactly is signed, what happens without, and how to sign and check it with stock tools.

use std::path::Path;

use assent_schema::canon::Digest;
use assent_schema::trust::{Decision, Namespace};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

use super::visible::{lines, sentence as shown, value};
use super::{Page, digest, fact};
use crate::publish::hand::{by_hand, quoted};
use crate::sentence::sentence_with;

/// What happens when nobody signs.
pub(super) fn nobody(page: &Page<'_>) -> Markup {
    let now: Vec<_> = page.beside.iter().filter_map(|pair| pair.was.as_ref()).chain(page.rest).collect();
    let first = now.iter().map(|approved| approved.expires).min();
    let approves = matches!(page.statement.says, Decision::Approve(_));
    html! {
        h2 { "If nobody signs" }
        @if approves {
            p {
                "Nothing that is new here ever happens: no release that needs it can be made, and every agent refuses one. "
                "What is approved now goes on"
                @if let Some(first) = first { "; the first of it ends " (first) } "."
            }
            @if !page.needed.is_empty() {
                p { "The source that this page speaks of needs " (page.needed.len()) " uses that are not approved now." }
            }
            @if page.lacking.is_empty() {
                p { "With this file everything that the source needs is approved." }
            } @else {
                p { "Also with this file the source needs what is not approved, and asks for it elsewhere:" }
                ul { @for used in page.lacking { li { (shown(&sentence_with(used, page.categories))) } } }
            }
        } @else {
            p { "Everything stays approved as it is now" @if let Some(first) = first { "; the first of it ends " (first) } "." }
        }
    }
}

/// The digests and the bytes.
pub(super) fn signed(page: &Page<'_>) -> Markup {
    let Page { bytes, statement, file, .. } = page;
    let text = String::from_utf8_lossy(bytes);
    html! {
        h2 { "What exactly is signed" }
        p { "These bytes and no others. Compare the digest, or its eight words, with somebody you trust at the agency." }
        dl.facts {
            (digest("SHA-256 of the file", &Digest::of_file(bytes)))
            (fact("Its size", &format!("{} bytes", bytes.len())))
            (fact("For the purpose", Namespace::Approval.as_str()))
            (digest("The project (first root)", &statement.project))
            (digest("Your approvers (first file)", &statement.approvers))
        }
        p {
            a download=(file) href={ "data:application/octet-stream;base64," (STANDARD.encode(bytes)) } {
                "Save the file " code { (value(file)) }
            }
        }
        pre.raw { (lines(&text)) }
    }
}

/// The commands.
pub(super) fn how(file: &str, page: &Page<'_>) -> Markup {
    let name = quoted(file);
    let signature = quoted(&format!("{file}.YOU.sig"));
    let client = &page.statement.client;
    let namespace = Namespace::Approval.as_str();
    html! {
        h2 { "How to sign" }
        p {
            "YOU is your name in the list above, KEY your private key, also one with a passphrase or in hardware, or the public "
            "half of one that ssh-agent holds. Check first that the file is the one of this page:"
        }
        pre { (lines(&format!("sha256sum {name}"))) }
        p { "Then with Assent," }
        pre { (lines(&format!("assent approve {name} --key YOU=KEY"))) }
        p { "or with OpenSSH alone:" }
        pre { (lines(&by_hand(Path::new(file), Namespace::Approval, "KEY", "YOU"))) }
        p { "Send both files to the agency. One changed byte ends the signature. Anyone can check it:" }
        pre {
            (lines(&format!(
                "ssh-keygen -Y verify -f allowed_signers -I YOU@{client} -n {namespace} -s {signature} < {name}"
            )))
        }
    }
}
