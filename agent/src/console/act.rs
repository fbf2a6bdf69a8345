//! What forms do, for whom. Whoever may not is told so, and so is the ledger. Answers to questions are in `agree`.

use std::sync::Arc;

use assent_schema::id::{ClientId, WorkflowId};
use assent_schema::ledger::{HeldWhat, Token};
use assent_schema::time::Period;

use super::answer::{self, Answer};
use super::look::NotSeen;
use super::notes;
use super::office::{Done, Office, Refused};
use super::pages;
use super::route::Act;
use super::serve::{Asked, Console, Guest};
use super::viewer::Sight;
use crate::control::Verb;
use crate::incident::{Step, Written};
use crate::store::{AlertNo, IncidentNo, Log, RunId};
use crate::sync::lock;

impl<O: Office> Console<O> {
    pub(super) async fn act(self: Arc<Self>, act: Act, asked: Asked, guest: Guest) -> Answer {
        match act {
            Act::SignOut => {
                lock(&self.sessions).close(&guest.session);
                answer::with_cookie(answer::see("/sign-in"), &self.cookie(""))
            }
            Act::Passkey => self.register(&asked, &guest).await,
            Act::Decide(nonce) => self.decide(&nonce, &asked, &guest).await,
            Act::Hold => self.hold(&asked, &guest).await,
            Act::Resume => self.resume(&asked, &guest).await,
            Act::RollBack => self.roll_back(&asked, &guest).await,
            Act::Share(incident) => self.share(incident, &asked, &guest).await,
            Act::Incident => self.incident(&asked, &guest).await,
            Act::Alert => self.alert(&asked, &guest).await,
            Act::Handle(run) => self.handle_run(run, &asked, &guest).await,
            Act::Reread(run) => self.reread(run, &asked, &guest).await,
        }
    }

    async fn hold(&self, asked: &Asked, guest: &Guest) -> Answer {
        let form = &asked.form;
        let (Some((client, what)), Some(why), Some(lasts)) =
            (target(asked), form.read::<Token>("why"), form.read::<Period>("lasts"))
        else {
            let help = "Say why in one word of letters, digits and `. _ : -`: the client reads it in its ledger.";
            return self.refuse(asked, guest, 400, &refused("the reason is missing, or not one word", help));
        };
        if !guest.viewer.may_act(&client) {
            return self.may_not(&client, asked, guest).await;
        }
        let by = guest.viewer.who.person.clone();
        let done = self.office.hold((client, what), by, why, lasts).await;
        self.done(done, "/holds?said=held", asked, guest)
    }

    async fn resume(&self, asked: &Asked, guest: &Guest) -> Answer {
        let Some((client, what)) = target(asked) else { return self.unknown(asked, guest) };
        if !guest.viewer.may_act(&client) {
            return self.may_not(&client, asked, guest).await;
        }
        let done = self.office.resume((client, what), guest.viewer.who.person.clone()).await;
        self.done(done, "/holds?said=resumed", asked, guest)
    }

    async fn roll_back(&self, asked: &Asked, guest: &Guest) -> Answer {
        let Some((client, HeldWhat::Workflow(workflow))) = target(asked) else { return self.unknown(asked, guest) };
        if !guest.viewer.may_act(&client) {
            return self.may_not(&client, asked, guest).await;
        }
        let done = self.office.roll_back((client, workflow), guest.viewer.who.person.clone()).await;
        let then = match &done {
            Ok(Some(_)) => "/?said=rolled-back-events",
            Ok(None) | Err(_) => "/?said=rolled-back",
        };
        self.done(done.map(drop), then, asked, guest)
    }

    /// Somebody takes care of an incident, or says that its cause is gone or that nothing is left to do.
    async fn incident(&self, asked: &Asked, guest: &Guest) -> Answer {
        let Ok(incidents) = self.office.incidents() else { return pages::busy() };
        let named = asked.form.get("incident");
        let Some(row) = incidents.iter().find(|row| Some(row.id.as_str()) == named) else {
            return self.refuse(asked, guest, 404, &refused("there is no such incident", "It may be closed by now."));
        };
        let viewer = &guest.viewer;
        let allowed = match &row.client {
            Some(client) if !viewer.may_act(client) => return self.may_not(client, asked, guest).await,
            Some(_) => true,
            None => viewer.may_act_on_agent(),
        };
        let step = match asked.form.get("step") {
            Some("acknowledge") => Some((Step::Acknowledge, "acknowledged")),
            Some("resolve") => Some((Step::Resolve, "resolved")),
            Some("close") => Some((Step::Close, "closed")),
            _ => None,
        };
        let number = row.id.parse().ok().map(IncidentNo::get);
        let (true, Some((step, said)), Some(number)) = (allowed, step, number) else {
            let help = "Only on-call takes steps in incidents of the agent itself.";
            return self.refuse(asked, guest, 403, &refused("that step is not yours to take", help));
        };
        let done = self.office.step(number, step, viewer.who.person.clone()).await;
        self.done(done, &format!("/incidents/{}?said={said}", row.id), asked, guest)
    }

    /// Somebody takes care of an alert that is no incident.
    async fn alert(&self, asked: &Asked, guest: &Guest) -> Answer {
        let viewer = &guest.viewer;
        let Ok(alerts) = self.alerts(|_| true) else { return pages::busy() };
        let named = asked.form.get("alert");
        let Some(row) = alerts.iter().find(|row| Some(row.id.as_str()) == named) else {
            return self.refuse(asked, guest, 404, &refused("there is no such alert", "It may be over by now."));
        };
        if let Some(no) = self.not_on_call(row.client.as_ref(), asked, guest).await {
            return no;
        }
        let Some(number) = row.id.parse().ok().map(AlertNo::get) else {
            return self.unknown(asked, guest);
        };
        let done = self.office.acknowledge(number, viewer.who.person.clone()).await;
        // Where they came from.
        let place =
            if asked.form.get("from") == Some("alert") { format!("/alerts/{}", row.id) } else { "/incidents".into() };
        self.done(done, &format!("{place}?said=cared-for"), asked, guest)
    }

    /// A post-mortem goes to the client. Where it cannot, what was written stands on the page again.
    async fn share(&self, incident: i64, asked: &Asked, guest: &Guest) -> Answer {
        let viewer = &guest.viewer;
        let row = match self.incident_of(incident, viewer) {
            Ok(row) => row,
            Err(NotSeen::Missing) => return pages::missing(Some(&self.frame(asked, guest))),
            Err(NotSeen::NotTheirs(log)) => return self.not_theirs(log, asked, guest).await,
            Err(NotSeen::Broken) => return pages::busy(),
        };
        if let Some(no) = self.not_on_call(row.client.as_ref(), asked, guest).await {
            return no;
        }
        let field = |name| asked.form.get(name).unwrap_or_default().to_owned();
        let written = Written { cause: field("cause"), prevention: field("prevention") };
        let done = match self.office.draft(incident).await {
            Ok(draft) => {
                let text = written.filled(&draft);
                self.office.share(incident, text, viewer.who.person.clone()).await.map_err(|no| (no, draft))
            }
            Err(no) => Err((no, String::new())),
        };
        match done {
            Ok(()) => {
                let gone = self
                    .incident_of(incident, viewer)
                    .is_ok_and(|row| row.done.written.is_some() && row.done.shared.is_none());
                answer::see(&format!("/incidents/{}?said={}", row.id, if gone { "written" } else { "shared" }))
            }
            Err((no, draft)) => {
                let why = format!("{}. {}", no.what, no.help);
                let body = self.incident_body(&row, viewer, &draft, Some((&written, &why)));
                pages::whole(409, &self.frame(asked, guest), body)
            }
        }
    }

    /// What a run read, live: an answer to this one press, which no page holds.
    async fn reread(&self, run: RunId, asked: &Asked, guest: &Guest) -> Answer {
        let viewer = &guest.viewer;
        let line = match self.run_of(run, viewer) {
            Ok((line, _)) => line,
            Err(NotSeen::Missing) => return pages::missing(Some(&self.frame(asked, guest))),
            Err(NotSeen::NotTheirs(log)) => return self.not_theirs(log, asked, guest).await,
            Err(NotSeen::Broken) => return pages::busy(),
        };
        let Some(why) = asked.form.read::<Token>("why") else {
            let help = "Say why in one word of letters, digits and `. _ : -`: the client reads it in its ledger.";
            return self.refuse(asked, guest, 400, &refused("the reason is missing, or not one word", help));
        };
        let at = (run, line.accepted.client, line.accepted.plan);
        match self.office.reread(at, &viewer.who.person, &why).await {
            Ok(reads) => pages::whole(200, &self.frame(asked, guest), pages::content::page(run, &reads)),
            Err(no) => self.refuse(asked, guest, 409, &no),
        }
    }

    async fn handle_run(&self, run: RunId, asked: &Asked, guest: &Guest) -> Answer {
        let line = match self.run_of(run, &guest.viewer) {
            Ok((line, _)) => line,
            Err(NotSeen::Missing) => return pages::missing(Some(&self.frame(asked, guest))),
            Err(NotSeen::NotTheirs(log)) => return self.not_theirs(log, asked, guest).await,
            Err(NotSeen::Broken) => return pages::busy(),
        };
        let client = line.accepted.client;
        if !guest.viewer.may_act(&client) {
            return self.may_not(&client, asked, guest).await;
        }
        let (Some((verb, word)), Some(why)) = (verb(asked), asked.form.read::<Token>("why")) else {
            let help = "Say why in one word of letters, digits and `. _ : -`: the client reads it in its ledger.";
            return self.refuse(asked, guest, 400, &refused("the reason is missing, or not one word", help));
        };
        match self.office.handle(run, verb, guest.viewer.who.person.clone(), why).await {
            Ok(next) => answer::see(&format!("/runs/{}?said={word}", next.unwrap_or(run))),
            Err(no) => self.refuse(asked, guest, 409, &no),
        }
    }

    fn done(&self, done: Done<()>, place: &str, asked: &Asked, guest: &Guest) -> Answer {
        match done {
            Ok(()) => answer::see(place),
            Err(no) => self.refuse(asked, guest, 409, &no),
        }
    }

    fn unknown(&self, asked: &Asked, guest: &Guest) -> Answer {
        self.refuse(asked, guest, 400, &refused("there is no such workflow here", "Load the page again."))
    }

    /// Who is not on call does nothing for a client, nor for the agent itself.
    async fn not_on_call(&self, client: Option<&ClientId>, asked: &Asked, guest: &Guest) -> Option<Answer> {
        match client {
            Some(client) if !guest.viewer.may_act(client) => Some(self.may_not(client, asked, guest).await),
            None if !guest.viewer.may_act_on_agent() => {
                let help = "Only on-call takes care of what is about the agent itself.";
                Some(self.refuse(asked, guest, 403, &refused("that is not yours to do", help)))
            }
            Some(_) | None => None,
        }
    }

    /// They see it, and may not do this: the entry first.
    async fn may_not(&self, client: &ClientId, asked: &Asked, guest: &Guest) -> Answer {
        let viewer = &guest.viewer;
        let is_here = self.office.client(client).is_some();
        let log = if is_here { Log::Client(client.clone()) } else { Log::Agent };
        if !viewer.may_see(Sight::Standing(client)) {
            return self.not_theirs(log, asked, guest).await;
        }
        let note = notes::refused(log, Some(&viewer.who.person), "not_on_call", &asked.address);
        if !self.write(vec![note]).await {
            return pages::busy();
        }
        let help = "Ask one of those whom the root lists as on-call.";
        self.refuse(asked, guest, 403, &refused("only on-call may do this", help))
    }

    pub(super) fn refuse(&self, asked: &Asked, guest: &Guest, status: u16, no: &Refused) -> Answer {
        pages::refused(status, &self.frame(asked, guest), no)
    }
}

pub(super) fn refused(what: &str, help: &str) -> Refused {
    Refused { what: what.to_owned(), help: help.to_owned() }
}

/// What a form about a client, a workflow or a connection names.
fn target(asked: &Asked) -> Option<(ClientId, HeldWhat)> {
    let form = &asked.form;
    // The one field of the page of holds: `acme`, `acme/refund`, `acme:shop`.
    if let Some(at) = form.get("at") {
        let (client, what) = match (at.split_once('/'), at.split_once(':')) {
            (Some((client, workflow)), _) => (client, HeldWhat::Workflow(workflow.parse().ok()?)),
            (None, Some((client, connection))) => (client, HeldWhat::Connection(connection.parse().ok()?)),
            (None, None) => (at, HeldWhat::Client),
        };
        return Some((client.parse().ok()?, what));
    }
    let client: ClientId = form.read("client")?;
    let what = match (form.get("workflow"), form.get("connection")) {
        (None, None) => HeldWhat::Client,
        (Some(_), None) => HeldWhat::Workflow(form.read::<WorkflowId>("workflow")?),
        (None, Some(_)) => HeldWhat::Connection(form.read("connection")?),
        (Some(_), Some(_)) => return None,
    };
    Some((client, what))
}

/// What is to be done with a run. Handing it to another group is the command line's alone.
fn verb(asked: &Asked) -> Option<(Verb, &'static str)> {
    let all = [Verb::Retry, Verb::Skip, Verb::Cancel, Verb::Rerun, Verb::Done];
    let wanted = asked.form.get("verb")?;
    all.into_iter()
        .map(|verb| (verb.kind().as_str(), verb))
        .find(|(word, _)| *word == wanted)
        .map(|(word, verb)| (verb, word))
}
