//! Passkeys at the console: what is to be signed, what came back, and new ones.

use assent_schema::canon::Digest;
use assent_schema::passkey::{Assertion, Ceremony, Passkey, Registration, rp_of};
use assent_schema::release::Proof;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::answer::Answer;
use super::enter::named;
use super::form::Form;
use super::look::{Seen, What};
use super::notes;
use super::office::{Office, Refused};
use super::pages::{self, passkey};
use super::serve::{Asked, Console, Guest};
use super::viewer::Viewer;
use crate::store::Log;
use crate::sync::lock;

/// What the challenge of a file is in a browser: the SHA-256 of its bytes, base64url without padding.
pub(super) fn challenge(file: &str) -> String {
    URL_SAFE_NO_PAD.encode(Digest::of_file(file.as_bytes()).as_bytes())
}

/// What a form brings as proof: what a passkey signed, or an armoured signature. What is pasted may have lost its last line
/// end, or gained some.
pub(super) fn proof(form: &Form) -> Option<Proof> {
    if let Some(passkey) = form.get("passkey") {
        return serde_json::from_str::<Assertion>(passkey).ok().map(Proof::Passkey);
    }
    let signature = form.get("signature")?.replace("\r\n", "\n");
    Some(Proof::Ssh(format!("{}\n", signature.trim())))
}

/// The site of the page that was asked for.
pub(super) fn site(asked: &Asked) -> Option<&str> {
    rp_of(asked.host.as_deref()?)
}

impl<O: Office> Console<O> {
    /// The passkeys of somebody that count on the page that was asked for, by the names of their credentials.
    pub(super) fn passkeys_here(&self, asked: &Asked, viewer: &Viewer) -> Vec<String> {
        let keys = self.office.known(&viewer.who).map(|known| known.keys.passkeys).unwrap_or_default();
        keys.iter().filter(|passkey| Some(passkey.rp()) == site(asked)).map(Passkey::credential).collect()
    }

    /// The page on which a passkey is made.
    pub(super) fn passkey(&self, asked: &Asked, guest: &Guest) -> Seen {
        let viewer = &guest.viewer;
        let note = notes::viewed(own_log(viewer), &viewer.who.person, "passkey");
        let body = self.with_making(asked, guest, passkey::page);
        Seen { notes: vec![note], what: What::Page(body) }
    }

    fn with_making<T>(&self, asked: &Asked, guest: &Guest, show: impl FnOnce(&passkey::Making<'_>) -> T) -> T {
        let who = &guest.viewer.who;
        let name = named(who);
        let user = Digest::tagged("assent-user/v1", format!("{}\0{name}", self.office.itself().project).as_bytes());
        show(&passkey::Making {
            rp: site(asked),
            challenge: &challenge(&self.to_register(guest)),
            user: &URL_SAFE_NO_PAD.encode(user.as_bytes()),
            name: &name,
            is_agency: who.client.is_none(),
            known: self.office.known(who).map_or(0, |known| known.keys.passkeys.len()),
        })
    }

    /// What a new passkey of this session answers. It grants nothing: only a signed file does.
    fn to_register(&self, guest: &Guest) -> String {
        format!("passkey\0{}", lock(&self.sessions).form_token(&guest.session))
    }

    /// Reads a new passkey and shows its line: the entry first.
    pub(super) async fn register(&self, asked: &Asked, guest: &Guest) -> Answer {
        let file = self.to_register(guest);
        let origin = asked.origin.as_deref().unwrap_or_default();
        let ceremony = Ceremony { file: file.as_bytes(), origin };
        let given = asked.form.get("passkey").and_then(|text| serde_json::from_str::<Registration>(text).ok());
        let made = given.zip(site(asked)).map(|(given, rp)| Passkey::register(&given, rp, &ceremony));
        let Some(Ok(line)) = made else {
            let help = "Your browser may have given another kind of key. Try again, or with another device.";
            let no = Refused { what: "that is not a passkey of this page".to_owned(), help: help.to_owned() };
            return pages::refused(400, &self.frame(asked, guest), &no);
        };
        let viewer = &guest.viewer;
        if !self.write(vec![notes::viewed(own_log(viewer), &viewer.who.person, "new-passkey")]).await {
            return pages::busy();
        }
        let person = viewer.who.person.as_str();
        let body = self.with_making(asked, guest, |making| passkey::made(&line.to_string(), person, making));
        pages::whole(200, &self.frame(asked, guest), body)
    }
}

fn own_log(viewer: &Viewer) -> Log {
    viewer.who.client.clone().map_or(Log::Agent, Log::Client)
}
