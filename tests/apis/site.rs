//! One client of the example with its production agent at work, as a process; its systems are played, and reached where the
//! test says.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use assent_agent::accept::webhook;
use assent_agent::control::{RunRow, RunStory};
use assent_agent::people::wire::WaitingForMe;
use assent_agent::store::{Books, Entry, LedgerRow, Note, RunId, Sqlite, StoreError};
use assent_agent::world::Wall;
use assent_compiler::command::Outcome;
use assent_compiler::command::demo::agency::Agency;
use assent_compiler::command::demo::agents::{Agent, Post};
use assent_compiler::command::demo::source::Lead;
use assent_compiler::command::demo::stage::clock;
use assent_compiler::publish::branch;
use assent_schema::canon::{self, Digest};
use assent_schema::id::ClientId;
use assent_schema::plan::Plan;
use assent_schema::status::{Status, WorkflowStatus};
use assent_tests::changes::Changes;

/// What every webhook is signed with.
pub(crate) const SECRET: &str = "whsec_WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=";

/// How often an event is sent that the agent cannot take now: each time that something changed there.
const SENDS_MOST: usize = 100;
/// Lines of the agent's log that a failure shows.
const LINES: usize = 30;

/// One client as the tests play it.
pub(crate) struct Cast {
    pub(crate) client: &'static str,
    pub(crate) region: &'static str,
    /// Who decides everything.
    pub(crate) person: &'static str,
    /// Connections and slots of its vault.
    pub(crate) slots: &'static [&'static str],
    /// Its workflows that webhooks begin, and what kind of event does.
    pub(crate) workflows: &'static [(&'static str, Kind)],
}

/// What begins a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A ticket.
    Ticket,
    /// A payment that was refused.
    Refused,
    /// The same, and a payment that is authorised later, for which the run waits.
    RefusedThenPaid,
}

pub(crate) const ACME: Cast = Cast {
    client: "acme",
    region: "eu",
    person: "lena",
    slots: &["helpdesk/token", "helpdesk/webhook", "shop/token", "payments/key", "assistant/key"],
    workflows: &[("refund", Kind::Ticket), ("reply", Kind::Ticket), ("triage", Kind::Ticket)],
};

pub(crate) const BOREALIS: Cast = Cast {
    client: "borealis",
    region: "us",
    person: "olga",
    slots: &["helpdesk/token", "helpdesk/webhook", "shop/token", "payments/key", "payments/webhook", "chat/token"],
    workflows: &[("failed-payment", Kind::Refused), ("chase", Kind::RefusedThenPaid), ("order-status", Kind::Ticket)],
};

/// The agency and the agent.
pub(crate) struct Site {
    pub(crate) cast: &'static Cast,
    pub(crate) agency: Agency,
    pub(crate) agent: Agent,
    /// What the agent writes: it tells nobody that it is otherwise than it was.
    pub(crate) changes: Changes,
    pub(crate) client: ClientId,
    /// The plans that it runs.
    pub(crate) plans: Vec<Arc<Plan>>,
}

impl Site {
    /// Has everything signed, rehearsed and released; the agent waits to be begun. Endpoints lead to an address, unless the
    /// source is changed before it is signed.
    pub(crate) fn ready(folder: &Path, cast: &'static Cast, host: SocketAddr, change: impl Fn(&Path)) -> Self {
        let site = Self::empty(folder, cast, host, &assent_tests::assent(), change);
        for slot in cast.slots {
            let secret = if slot.ends_with("/webhook") { SECRET } else { "a-secret-of-the-played-systems" };
            site.agent.set_secret(&format!("{}/{slot}", cast.client), secret).expect("a secret");
        }
        site
    }

    /// The same with empty slots, and a production agent that is begun by a program of its own.
    pub(crate) fn empty(
        folder: &Path,
        cast: &'static Cast,
        host: SocketAddr,
        program: &Path,
        change: impl Fn(&Path),
    ) -> Self {
        let agency = Agency::found(folder, Lead::Loopback(&host.to_string()), clock().expect("a clock"));
        let agency = agency.expect("an agency");
        change(&agency.source);
        let root = Digest::of_file(&std::fs::read(agency.source.join("trust/root/1.toml")).expect("a root"));
        let repository = agency.remote.display().to_string();
        let enrol = |environment| {
            let name = format!("{}-{environment}-1", cast.region);
            let post = Post { environment, region: cast.region, repository: &repository };
            let assent = assent_tests::assent();
            let program = if environment == "production" { program } else { &assent };
            Agent::enrol(program, &folder.join("agents"), &name, &post, root).expect("an agent")
        };
        let (mut staging, mut agent) = (enrol("staging"), enrol("production"));
        let rehearser = format!("{}-staging-1", cast.region).parse().expect("an id");
        agency.establish(&[staging.enrolled(), agent.enrolled()], &[rehearser]).expect("signed trust");
        // What is drafted for the clients is what is committed.
        agency.commit("Where the systems are").expect("a commit");
        agency.approve_all().expect("approvals");
        release(&agency, cast.region, "staging");
        staging.start().expect("a staging agent");
        let released = files(&agency, &format!("release/staging/{}", cast.region)).expect("a release");
        let plan = |path: &String| Some(path.strip_prefix("plans/")?.strip_suffix(".json")?.to_owned());
        let wanted: Vec<String> = released.keys().filter_map(plan).collect();
        let status = format!("status/staging/{0}/{0}-staging-1", cast.region);
        let rehearsed = staging.wait_for(|| {
            let Some(files) = files(&agency, &status) else { return Ok(None) };
            let signed = |plan: &String| {
                files.iter().any(|(path, bytes)| {
                    path.starts_with("rehearsals/") && String::from_utf8_lossy(bytes).contains(plan.as_str())
                })
            };
            Ok(wanted.iter().all(signed).then_some(()))
        });
        rehearsed.expect("rehearsals");
        staging.kill();
        release(&agency, cast.region, "production");
        // Bruno is on call, and of both clients' teams.
        agent.asked_by(agency.private("bruno").expect("a key"));
        let released = files(&agency, &format!("release/production/{}", cast.region)).expect("a release");
        let plans = released.iter().filter(|(path, _)| path.starts_with("plans/"));
        let plans = plans.map(|(_, bytes)| Arc::new(canon::from_bytes(bytes).expect("a plan"))).collect();
        let client = cast.client.parse().expect("an id");
        let changes = Changes::below(&agent.state());
        Self { cast, agency, agent, changes, client, plans }
    }

    /// Starts the agent and waits until its workflows are at work.
    pub(crate) fn begin(&mut self) {
        self.agent.start().expect("a production agent");
        self.wait(|_| true);
    }

    /// Waits until every workflow of the cast runs and is as wanted.
    pub(crate) fn wait(&mut self, wanted: impl Fn(&WorkflowStatus) -> bool) {
        let Self { cast, agent, client, .. } = self;
        let all = |status: &Status| {
            cast.workflows.iter().all(|(name, _)| {
                let workflow = status
                    .workflows
                    .get(client)
                    .and_then(|all| all.iter().find(|(id, _)| id.as_str() == *name).map(|(_, workflow)| workflow));
                workflow.is_some_and(|workflow| workflow.plan.is_some() && wanted(workflow))
            })
        };
        let waited = agent.wait_status(all).map(drop);
        waited.unwrap_or_else(|e| panic!("{e}: {:?}", agent.status().map(|status| status.workflows)));
    }

    /// Kills the agent as a power cut would, and starts it again.
    pub(crate) fn kill(&mut self) {
        self.agent.kill();
        self.begin();
    }

    /// Sends an event under its name until the agent has taken it; the run.
    pub(crate) fn send(&self, workflow: &str, event: &str, body: &str) -> RunId {
        let (status, answer) = self.delivered(workflow, event, body);
        assert!(status == 202 || status == 200, "{event}: {status} {answer}\n{}", self.log());
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        let run = answer.get("run").and_then(serde_json::Value::as_str).expect("a run");
        run.parse().expect("a run's id")
    }

    /// Sends an event that begins no run, until the agent has taken it.
    pub(crate) fn hear(&self, workflow: &str, event: &str, body: &str) {
        let (status, answer) = self.delivered(workflow, event, body);
        assert!((200..300).contains(&status), "{event}: {status} {answer}");
    }

    /// Sends an event once; the status that comes back.
    pub(crate) fn try_send(&self, workflow: &str, event: &str, body: &str) -> u16 {
        self.post(workflow, event, body).expect("an answer").0
    }

    /// Sends again while the agent says that it cannot take it now, as senders do.
    fn delivered(&self, workflow: &str, event: &str, body: &str) -> (u16, String) {
        for _ in 0..SENDS_MOST {
            let (status, answer) = self.post(workflow, event, body).expect("an answer");
            if status != 503 && status != 429 {
                return (status, answer);
            }
            self.changes.next();
        }
        self.post(workflow, event, body).expect("an answer")
    }

    /// The end of the agent's log.
    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.agent.log()).expect("a log");
        let lines: Vec<&str> = log.lines().filter(|line| !line.contains("connects")).collect();
        lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("\n")
    }

    fn post(&self, workflow: &str, event: &str, body: &str) -> std::io::Result<(u16, String)> {
        let Ok(signed) = webhook::sign(SECRET.as_bytes(), event, clock().expect("a clock"), body.as_bytes()) else {
            panic!("a secret that signs")
        };
        let url = self.agent.url();
        let address = url.trim_start_matches("http://");
        let length = body.len();
        let client = self.cast.client;
        let mut text =
            format!("POST /hooks/{client}/{workflow} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {length}\r\n");
        for (name, value) in signed {
            text.extend([name.as_str(), ": ", &String::from_utf8_lossy(&value), "\r\n"]);
        }
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(format!("{text}\r\n{body}").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Ok((status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()))
    }

    fn says<T: serde::de::DeserializeOwned>(&self, args: &[&str]) -> T {
        let said = self.agent.call(&[args, &["--format", "json"]].concat()).expect("an answer");
        serde_json::from_str(&said).unwrap_or_else(|e| panic!("{args:?}: {e}: {said}"))
    }

    /// The client's runs.
    pub(crate) fn runs(&self) -> Vec<RunRow> {
        let runs: Runs = self.says(&["runs", "--client", self.cast.client, "--most", "1000"]);
        runs.runs
    }

    /// A run's journal.
    pub(crate) fn journal(&self, run: RunId) -> Vec<Entry> {
        let story: RunStory = self.says(&["runs", "show", &run.to_string()]);
        story.journal.into_iter().map(|written| written.entry).collect()
    }

    /// Stops the agent in order and opens its database: one process has it at a time.
    pub(crate) fn stopped(&mut self) -> Sqlite {
        self.agent.stop().expect("it stops in order");
        Sqlite::open(&self.agent.state().join("agent.db"), |_| Ok(Box::new(Closed))).expect("its database")
    }

    /// Its person says yes or no to what a run asks; false when it asks nothing any more.
    pub(crate) fn decide(&self, run: RunId, yes: bool) -> bool {
        let (url, key) = (self.agent.url(), self.agency.private(self.cast.person).expect("a key"));
        let choice = if yes { "--approve" } else { "--refuse" };
        let at = ["--agent", &url, "--client", self.cast.client, "--key", &key];
        let assent = |args: &[&str]| {
            self.agency.assent(&args.iter().chain(&at).map(|word| (*word).to_owned()).collect::<Vec<_>>())
        };
        let Ok(waiting) = assent(&["decide", "--format", "json"]) else { return false };
        let waiting: WaitingForMe = serde_json::from_str(&waiting).expect("questions");
        let Some(asked) = waiting.decisions.iter().find(|asked| asked.run == run) else { return false };
        let run = run.to_string();
        let item = asked.item.iter().flat_map(|item| ["--item", item.as_str()]);
        let which: Vec<&str> = ["decide", &run, "--step", asked.step.as_str()].into_iter().chain(item).collect();
        assent(&[&which[..], &[choice]].concat()).is_ok()
    }
}

/// What `runs` prints.
#[derive(serde::Deserialize)]
struct Runs {
    runs: Vec<RunRow>,
}

/// A ledger that is only read.
struct Closed;

impl Books for Closed {
    fn append(&mut self, _: Wall, _: Option<u64>, _: &Note) -> Result<LedgerRow, StoreError> {
        Err(StoreError::Broken)
    }

    fn keep(&mut self) {}

    fn drop_back(&mut self) {}
}

/// The event that begins a run of a kind, and what comes later.
pub(crate) fn bodies(kind: Kind, event: &str) -> (String, Option<String>) {
    let payment = |success: bool| {
        format!(
            "{{\"eventCode\":\"AUTHORISATION\",\"success\":\"{success}\",\"pspReference\":\"{event}\",\
             \"merchantReference\":\"{event}\",\"amount\":{{\"currency\":\"EUR\",\"value\":1900}}}}"
        )
    };
    match kind {
        Kind::Ticket => {
            let created = clock().expect("a clock").seconds();
            let body = format!(
                "{{\"topic\":\"ticket.created\",\"data\":{{\"item\":{{\"id\":\"{event}\",\"created_at\":{created},\
                 \"author\":{{\"type\":\"user\"}}}}}}}}"
            );
            (body, None)
        }
        Kind::Refused => (payment(false), None),
        Kind::RefusedThenPaid => (payment(false), Some(payment(true))),
    }
}

fn files(agency: &Agency, name: &str) -> Option<branch::Files> {
    let repository = branch::open(&agency.remote).expect("a repository");
    let tip = branch::tip(&repository, name).expect("a repository that can be read")?;
    Some(branch::read(&repository, tip).expect("a branch that can be read"))
}

fn release(agency: &Agency, region: &str, environment: &str) {
    let (key, freshness) = (agency.private("alice").expect("a key"), agency.private("timer").expect("a key"));
    let (remote, at) = (agency.remote.display().to_string(), clock().expect("a clock").to_string());
    let line = ["release", "--environment", environment, "--region", region, "--remote", &remote, "--at", &at];
    let keys = ["--key", &key, "--freshness-key", &freshness];
    let line: Vec<String> = line.iter().chain(&keys).map(|word| (*word).to_owned()).collect();
    let (outcome, said) = agency.try_assent(&line).expect("a command that runs");
    assert_eq!(outcome, Outcome::Fine, "{environment}: {said}");
}
