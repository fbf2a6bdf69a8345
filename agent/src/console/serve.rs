//! The console's listener: who asks, whether the request is one of ours, and where it goes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use assent_schema::plan::Rate;
use assent_schema::time::Period;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, COOKIE, HOST, HeaderName, ORIGIN};
use hyper::{HeaderMap, Request};
use tokio::sync::watch;
use tokio::time::timeout;

use super::answer::{self, Answer};
use super::form::Form;
use super::look::Look;
use super::notes;
use super::office::Office;
use super::pages;
use super::route::{Act, Page, Route, route};
use super::session::{Session, Sessions};
use super::troubles::{self, Line};
use super::viewer::Viewer;
use crate::content::Content;
use crate::listen;
use crate::people::Challenges;
use crate::retry::Bucket;
use crate::store::{Log, Note, Store as _, Write};
use crate::sync::lock;

/// The largest body, in bytes: texts that people edit, each letter of them as many as nine.
const BODY_MOST_BYTES: usize = 1024 * 1024;
/// The longest time that somebody is kept waiting. What was begun goes on.
const ANSWER_MOST: Duration = Duration::from_secs(30);
/// How many strangers a minute are worth an entry: anybody could fill the ledger otherwise.
const STRANGERS_RATE: Rate = Rate { requests: 10, per: Period::minutes(1) };
/// The header by which a page brings itself up to date.
const LIVE: HeaderName = HeaderName::from_static("x-assent-live");
/// The header by which browsers say which site a request comes from.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The console of one agent.
pub struct Console<O> {
    pub(super) office: O,
    hosts: Vec<String>,
    secure: bool,
    pub(super) sessions: Mutex<Sessions>,
    pub(super) challenges: Mutex<Challenges>,
    strangers: Mutex<Bucket>,
}

impl<O: Office> Console<O> {
    /// A console that is reached by these names. `secure` says that browsers reach it by TLS.
    pub fn new(office: O, hosts: Vec<String>, secure: bool) -> Arc<Self> {
        let (sessions, challenges) = (Sessions::new(office.dice()), Challenges::new(office.dice()));
        let strangers = Mutex::new(Bucket::new(STRANGERS_RATE));
        let (sessions, challenges) = (Mutex::new(sessions), Mutex::new(challenges));
        Arc::new(Self { office, hosts, secure, sessions, challenges, strangers })
    }

    /// The cookie's name. With the prefix browsers take it from TLS alone, and from nobody beside us.
    pub(super) fn cookie_name(&self) -> &'static str {
        if self.secure { "__Host-assent" } else { "assent" }
    }

    /// The cookie that holds a session; an empty one ends it.
    pub(super) fn cookie(&self, token: &str) -> String {
        let (name, secure) = (self.cookie_name(), if self.secure { "; Secure" } else { "" });
        let age = if token.is_empty() { "; Max-Age=0" } else { "" };
        format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict{secure}{age}")
    }
}

/// What a browser asked, once it is known to be for us.
pub(super) struct Asked {
    /// Path and query, as they came.
    pub(super) address: String,
    /// The name by which the console was asked, with its port.
    pub(super) host: Option<String>,
    /// The origin of the page that sent a form.
    pub(super) origin: Option<String>,
    /// The query.
    pub(super) query: Form,
    /// The body of a form.
    pub(super) form: Form,
    /// The body as it came, for programs.
    pub(super) body: Content<Vec<u8>>,
    /// The token of a page that brings itself up to date.
    live: Option<String>,
    /// Whether another site sent the browser here, without our cookie.
    from_elsewhere: bool,
}

/// Somebody who is signed in, as the newest release knows them.
pub(super) struct Guest {
    /// Their session.
    pub(super) session: Session,
    /// What they may see.
    pub(super) viewer: Viewer,
    /// What stands wrong that they may see.
    pub(super) troubles: Vec<Line>,
}

/// Serves until `stop` becomes true, then lets connections end.
pub async fn serve<O: Office>(
    listener: impl Into<listen::Entrance>,
    console: Arc<Console<O>>,
    stop: watch::Receiver<bool>,
) {
    let answer = move |request| {
        let console = Arc::clone(&console);
        async move { console.handle(request).await }
    };
    listen::connections::take(listener, answer, stop).await;
}

impl<O: Office> Console<O> {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        if !listen::is_for_us(&request, &self.hosts) {
            return pages::plain(421, "Another host", "This address is not one of the console's names.");
        }
        let (head, body) = request.into_parts();
        if let Some(Route::Asset(asset)) = route(head.method.as_str(), head.uri.path()) {
            return answer::asset(asset);
        }
        if self.office.is_halted() {
            let text = "It starts nothing and says nothing in its ledger until somebody on call signs a recovery. \
                        `assent-agent status` tells why.";
            return pages::plain(503, "The agent has stopped", text);
        }
        let Some(route) = route(head.method.as_str(), head.uri.path()) else {
            return pages::missing(None);
        };
        let is_json = matches!(&route, Route::SignIn(sign_in) if sign_in.is_for_programs());
        let acts = head.method.as_str() == "POST";
        if acts && !is_json && !self.is_our_form(&head.headers) {
            return self.turn_away("foreign_form", head.uri.path()).await;
        }
        let body = match listen::read(body, BODY_MOST_BYTES).await {
            Ok(body) => body,
            Err(not_read) => return not_read.answer(),
        };
        let form = Form::parse(if acts && !is_json { body.reveal() } else { b"" });
        let asked = Asked {
            address: head.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            host: text(&head.headers, &HOST).map(str::to_owned),
            origin: self.origin(&head.headers),
            query: Form::parse(head.uri.query().unwrap_or_default().as_bytes()),
            form,
            body,
            live: text(&head.headers, &LIVE).map(str::to_owned),
            from_elsewhere: text(&head.headers, &SITE) == Some("cross-site"),
        };
        let cookie = self.cookie_of(&head.headers);
        // A task of its own: a browser that goes away does not stop what a person said half way.
        let work = tokio::spawn(async move { self.answer(route, asked, cookie).await });
        match timeout(ANSWER_MOST, work).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => pages::busy(),
        }
    }

    async fn answer(self: Arc<Self>, route: Route, asked: Asked, cookie: Option<String>) -> Answer {
        let mut guest = self.guest(cookie.as_deref());
        if let Some(guest) = &mut guest {
            Arc::clone(&self).look_what_stands(guest).await;
        }
        match (route, guest) {
            (Route::Asset(asset), _) => answer::asset(asset),
            (Route::SignIn(sign_in), guest) => self.enter(sign_in, asked, guest.is_some()).await,
            // Our cookie is not sent along from other sites, so a look from there never counts as one of ours: the
            // browser is asked to come again by itself.
            (Route::Page(_), None) if asked.from_elsewhere => pages::again(&asked.address),
            (Route::Page(_), None) if asked.live.is_some() => pages::plain(401, "Signed out", "Sign in again."),
            (Route::Page(_), None) => pages::sign_in::ask(401, &asked.address, None, &self.office),
            (Route::Taken(_), None) => pages::sign_in::ask(401, "/ledger", None, &self.office),
            (Route::Taken(taken), Some(guest)) => self.take(taken, asked, guest).await,
            (Route::Act(_), None) => pages::sign_in::ask(401, "/", None, &self.office),
            (Route::Page(page), Some(guest)) => self.look_unless_live(page, asked, guest).await,
            (Route::Act(act), Some(guest)) => self.act_of_ours(act, asked, guest).await,
        }
    }

    async fn look_unless_live(self: Arc<Self>, page: Page, asked: Asked, guest: Guest) -> Answer {
        let Some(token) = &asked.live else { return self.look(page, asked, guest, Look::Opened).await };
        let (_, boot) = self.office.clock();
        if lock(&self.sessions).is_live(&guest.session, &asked.address, token, boot) {
            self.look(page, asked, guest, Look::Refreshed).await
        } else {
            pages::plain(410, "Not up to date", "Load the page again.")
        }
    }

    async fn act_of_ours(self: Arc<Self>, act: Act, asked: Asked, guest: Guest) -> Answer {
        let ours = asked.form.get("form").is_some_and(|form| lock(&self.sessions).is_form_of(&guest.session, form));
        if ours { self.act(act, asked, guest).await } else { self.turn_away("foreign_form", &asked.address).await }
    }

    /// Who a cookie belongs to, if the newest release still knows them.
    fn guest(&self, cookie: Option<&str>) -> Option<Guest> {
        let (_, boot) = self.office.clock();
        let session = lock(&self.sessions).of(cookie?, boot)?;
        let viewer = self.office.known(&session.who)?.viewer;
        Some(Guest { session, viewer, troubles: Vec::new() })
    }

    /// What stands wrong. Where that cannot be read, the page itself cannot be shown either, and says so.
    async fn look_what_stands(self: Arc<Self>, guest: &mut Guest) {
        // Reads block: not on the thread that runs are driven on.
        let read = tokio::task::spawn_blocking(move || self.office.standing()).await;
        if let Ok(Ok(standing)) = read {
            guest.troubles = troubles::lines(&standing, &guest.viewer);
        }
    }

    fn cookie_of(&self, headers: &HeaderMap) -> Option<String> {
        let name = self.cookie_name();
        let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut ours = pairs.flat_map(|line| line.split(';')).filter_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then(|| value.to_owned())
        });
        // Two of one name: somebody beside us planted one.
        ours.next().filter(|_| ours.next().is_none())
    }

    /// The origin of our own pages, by the name by which this one was asked for.
    fn origin(&self, headers: &HeaderMap) -> Option<String> {
        let scheme = if self.secure { "https" } else { "http" };
        text(headers, &HOST).map(|host| format!("{scheme}://{host}"))
    }

    /// Whether a form was sent by one of our own pages, as far as the browser tells.
    fn is_our_form(&self, headers: &HeaderMap) -> bool {
        let ours = self.origin(headers);
        let is_form = text(headers, &CONTENT_TYPE).is_some_and(|kind| kind == "application/x-www-form-urlencoded");
        is_form && ours.is_some() && text(headers, &ORIGIN) == ours.as_deref()
    }

    /// Says no to what no page of ours sent, and tells the ledger, but not as often as anybody likes.
    pub(super) async fn turn_away(&self, code: &'static str, place: &str) -> Answer {
        if self.note_stranger(code, place).await {
            pages::plain(
                403,
                "Not from here",
                "This did not come from a page of the console. Open it again and try again.",
            )
        } else {
            pages::busy()
        }
    }

    /// Tells the ledger of somebody who is nobody here; false when it could not be told.
    pub(super) async fn note_stranger(&self, code: &'static str, place: &str) -> bool {
        let (_, boot) = self.office.clock();
        {
            let mut bucket = lock(&self.strangers);
            if !bucket.wait(boot).is_zero() {
                return true;
            }
            bucket.take(boot);
        }
        self.write(vec![notes::refused(Log::Agent, None, code, place)]).await
    }

    /// Makes notes durable before anything is shown; false when that failed.
    pub(super) async fn write(&self, notes: Vec<Note>) -> bool {
        notes.is_empty() || self.write_with(notes, None).await
    }

    /// The same with something else that must be durable with them.
    pub(super) async fn write_with(&self, notes: Vec<Note>, with: Option<Write>) -> bool {
        let (now, _) = self.office.clock();
        let mut transaction = notes::together(now, notes);
        transaction.writes.extend(with);
        self.office.store().commit(transaction).await.is_ok()
    }
}

/// The one value of a header; two are none.
fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}
