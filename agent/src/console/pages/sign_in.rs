//! The way in.

use maud::html;

use super::marks::{Mark, mark};
use super::passkey::{self, ToSign};
use super::small;
use crate::console::answer::Answer;
use crate::console::enter::named;
use crate::console::keyring;
use crate::console::office::Office;
use crate::console::viewer::Who;
use crate::people::wire::Introduction;

/// Asks who somebody is.
pub(in crate::console) fn ask(status: u16, next: &str, why: Option<&str>, office: &impl Office) -> Answer {
    let (environment, region) = office.place();
    let main = html! {
        h1 { "Sign in" }
        p.lead { "The console of agent " strong { (office.itself().agent) } ", " (environment) ", region " (region) "." }
        @if let Some(why) = why { p.banner.bad role="alert" { (mark(Mark::Bad)) (why) } }
        form.stack method="post" action="/sign-in" {
            input type="hidden" name="next" value=(next);
            label { "Your name" small { "As the repository has it, for example " code { "lena" } }
                input type="text" name="person" required autofocus autocomplete="username" autocapitalize="none" spellcheck="false"; }
            label { "Client" small { "Only if you decide for a client; empty for people of the agency" }
                input type="text" name="client" autocapitalize="none" spellcheck="false" autocomplete="organization"; }
            button.main type="submit" { "Continue" }
        }
        p.hint { "In a terminal it is one step: " code { "assent-agent console --key NAME=KEY" } " gives a link that signs you in." }
    };
    small(status, "Sign in", &main)
}

/// Asks for a signature. Whether somebody has a passkey is not told: the browser knows which there are for this page.
pub(in crate::console) fn prove(
    status: u16,
    who: &Introduction,
    challenge: &str,
    next: &str,
    rp: Option<&str>,
) -> Answer {
    let name = named(&Who { client: who.client.clone(), person: who.person.clone() });
    let hashed = keyring::challenge(challenge);
    let to_sign = ToSign { rp, challenge: &hashed, allow: &[] };
    let fields = html! {
        input type="hidden" name="next" value=(next);
        input type="hidden" name="challenge" value=(challenge);
    };
    let main = html! {
        h1 { "Prove that you are " (name) }
        p.lead { "Sign in within two minutes, with what the newest release lists for you." }
        (passkey::form("/sign-in/proof", &to_sign, "Sign in with a passkey", "main", &fields))
        h2 { "With your SSH key" }
        figure.command {
            figcaption { "In a terminal on your machine, with the path of your key:" }
            pre tabindex="0" aria-label="Command" data-copy="" {
                code { "printf '%s' '" (challenge) "' | ssh-keygen -Y sign -n console@assent -f ~/.ssh/id_ed25519" }
            }
        }
        form.stack method="post" action="/sign-in/proof" {
            (fields)
            label { "Signature"
                textarea.code name="signature" rows="7" required autofocus spellcheck="false"
                    placeholder="-----BEGIN SSH SIGNATURE-----" {} }
            button.main type="submit" { "Sign in" }
        }
        p.hint { "The line names this agent and you, and is good once. Your key stays where it is. " a href="/sign-in" { "Begin again" } }
    };
    small(status, "Sign in", &main)
}

/// A link that signs in when its button is pressed.
pub(in crate::console) fn link(token: &str, who: &Who) -> Answer {
    let main = html! {
        h1 { "Sign in as " (named(who)) "?" }
        p.lead { "You asked for this link in a terminal. It works once, for two minutes." }
        form method="post" action={ "/sign-in/link/" (token) } { button.main type="submit" autofocus { "Sign in" } }
    };
    small(200, "Sign in", &main)
}
