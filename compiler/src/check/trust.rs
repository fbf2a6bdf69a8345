//! `trust-invalid` and `approval-invalid`: signed files that do not hold. What holds becomes [`Trusted`].
//!
//! # Source
//! trust.md sections 1 to 3. Promises P09, P25.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::canon::Digest;
use assent_schema::code::Code;
use assent_schema::finding::{Findings, Span};
use assent_schema::id::{ClientId, PersonId};
use assent_schema::time::Moment;
use assent_schema::trust::{
    ApproversChain, CatalogLock, Decision, KnownStatements, Need, RESET_WAITS, Remembered, Reset, ResetStanding,
    RootChain, SignedFile, Standing, Statement, Teams, TrustError,
};
use assent_schema::uses::{Coverage, DataUse};

use super::View;
use super::ending::ENDS_SOON;
use super::instant::At;
use crate::parse::{Parsed, anchor, value_place};
use crate::resolve::Team;
use crate::source::{File, Place};

/// What the signed files of a source add up to.
#[derive(Clone, Debug, Default)]
pub struct Trusted {
    /// Every root version; absent when they do not hold.
    pub roots: Option<Arc<RootChain>>,
    /// Who of the agency is assigned to each client, and what they decide with where a group names them.
    pub teams: BTreeMap<ClientId, Team>,
    /// The statements of each client whose approvers hold.
    pub statements: BTreeMap<ClientId, KnownStatements>,
    /// What these cover now.
    pub approvals: BTreeMap<ClientId, Approvals>,
    /// The clients with an approval that cannot be read: what it approves is not known.
    pub unclear: BTreeSet<ClientId>,
    /// The files of the catalog that are not as its lock has them.
    pub changed: Arc<BTreeSet<String>>,
}

/// What a client's statements cover.
#[derive(Clone, Debug, Default)]
pub struct Approvals {
    /// What is approved.
    pub approved: Coverage<Arc<DataUse>>,
    /// What approvals cover that do not hold, or not now; that is reported at them, so that nobody is told twice.
    pub told: Coverage<Arc<DataUse>>,
    /// What each approval covers that has ended or not begun, or that fewer of today's approvers signed than must.
    pub lapsed: BTreeMap<Digest, Coverage<Arc<DataUse>>>,
    /// What is approved when all that ends soon has ended.
    pub lasting: Coverage<Arc<DataUse>>,
    /// What each approval covers that ends soon, and when.
    pub ending: BTreeMap<Digest, (Moment, Coverage<Arc<DataUse>>)>,
    /// Which of these too few of today's approvers signed.
    pub below: BTreeSet<Digest>,
    /// The file of each approval.
    pub files: BTreeMap<Digest, String>,
}

impl Trusted {
    /// Takes over what the signed files of a client add up to.
    pub(super) fn absorb(&mut self, other: &Self) {
        for (client, statements) in &other.statements {
            self.statements.entry(client.clone()).or_insert_with(|| statements.clone());
        }
        for (client, approvals) in &other.approvals {
            self.approvals.entry(client.clone()).or_insert_with(|| approvals.clone());
        }
    }
}

/// Verifies the signed files that stand outside of the clients' folders, as of an instant.
pub(super) fn gather_project(parsed: &Parsed, at: Moment, findings: &mut Findings) -> Trusted {
    let files = Files::new(parsed);
    let roots = RootChain::walk(&files.roots).map_err(|error| files.report(Code::TrustInvalid, &error, findings)).ok();
    let Some(roots) = roots else { return Trusted::default() };
    if let Err(error) = roots.check_current(at) {
        files.report(Code::TrustInvalid, &error, findings);
    }
    let teams = gather_teams(&files, &roots, findings);
    let changed = Arc::new(check_catalog(&files, &roots, findings));
    Trusted { roots: Some(Arc::new(roots)), teams, changed, ..Trusted::default() }
}

/// Reports people who decide for a client with a key that the root lists for somebody of the agency, at their names: who
/// wrote a workflow never decides on its money, and it is by their keys that authors are known.
pub(super) fn check_deciders(view: &View<'_>, findings: &mut Findings) {
    let Some(roots) = &view.trusted.roots else { return };
    let owners = roots.newest().owners();
    for unit in view.client_files() {
        for (person, decider) in &unit.spec.people {
            let Some(owner) = decider.keys.iter().find_map(|key| owners.of(key)) else { continue };
            let client = &unit.spec.name.value;
            let message =
                format!("`{}` decides for `{client}` with a key that the root lists for {owner}.", person.value);
            let help = "Name the client's own people and their keys here. Somebody of the client's team is named in a group \
                        alone: their keys come from the root.";
            findings.add_with_help(Code::TrustInvalid, unit.span(&person.span), message, help);
        }
    }
}

/// Verifies the signed files of one client, as of an instant.
pub(super) fn gather_client(
    roots: &Arc<RootChain>,
    parsed: &Parsed,
    client: &ClientId,
    at: &At,
    findings: &mut Findings,
) -> Trusted {
    let mut files = Files::new(parsed);
    let mut trusted = Trusted { roots: Some(Arc::clone(roots)), ..Trusted::default() };
    let approvers = files.approvers.remove(client).unwrap_or_default();
    // Taken out, not copied: a large client's approvals are megabytes.
    let given = files.approvals.remove(client).unwrap_or_default();
    match ApproversChain::walk(roots.newest(), roots.project(), client, &approvers) {
        Ok(chain) => {
            let statements = given.len();
            let named = given.iter().map(|(file, signed)| (Digest::of_file(&signed.bytes), file.clone())).collect();
            let Gathered { known, claimed, below } = gather_statements(&files, given, chain, client, at, findings);
            let now = at.among(times(&known));
            trusted
                .approvals
                .insert(client.clone(), Approvals { files: named, ..approvals(&known, claimed, below, now) });
            // Only of statements that do not hold must it be asked again whether they can be read.
            if known.held().len() < statements && files.has_unreadable(client) {
                trusted.unclear.insert(client.clone());
            }
            trusted.statements.insert(client.clone(), known);
        }
        Err(error) => files.report(Code::TrustInvalid, &error, findings),
    }
    trusted
}

/// The moments at which a statement begins or ceases to hold or is about to, or a reset of approvers begins to count.
pub(super) fn times(known: &KnownStatements) -> Vec<Moment> {
    let times = known.held().values().flat_map(|held| {
        let expires = match &held.statement.says {
            Decision::Approve(approval) => Some(approval.expires),
            Decision::Reject(_) | Decision::Withdraw(_) => None,
        };
        let at = std::iter::once(held.statement.given).chain(expires);
        at.flat_map(|at| [at, at.minus(ENDS_SOON)])
    });
    let resets = known.approvers().resets().iter().map(|reset| reset.announced.plus(RESET_WAITS));
    times.chain(resets).collect()
}

/// Lets those resets count whose wait is over by the date that root wrote: a source remembers nothing.
fn settle(known: KnownStatements, now: Moment) -> Result<KnownStatements, TrustError> {
    let resets = known.approvers().resets().to_vec();
    if resets.is_empty() {
        return Ok(known);
    }
    let standing = |reset: &Reset| reset.standing(Remembered::Nothing, known.vetoed(reset), now);
    let counting: BTreeSet<Reset> =
        resets.into_iter().filter(|reset| standing(reset) == ResetStanding::Counts).collect();
    known.settled(|reset| counting.contains(reset))
}

fn approvals(
    known: &KnownStatements,
    mut claimed: Vec<Arc<DataUse>>,
    mut by_statement: BTreeMap<Digest, Vec<Arc<DataUse>>>,
    at: Moment,
) -> Approvals {
    let below = by_statement.keys().copied().collect();
    claimed.extend(by_statement.values().flatten().cloned());
    let lapsed = known.lapsed(at);
    for approved in &lapsed {
        by_statement.entry(approved.statement).or_default().push(Arc::clone(&approved.used));
    }
    let then = at.plus(ENDS_SOON);
    let mut ending: BTreeMap<Digest, (Moment, Vec<Arc<DataUse>>)> = BTreeMap::new();
    for approved in known.approved(at).into_iter().filter(|approved| approved.expires <= then) {
        ending.entry(approved.statement).or_insert((approved.expires, Vec::new())).1.push(approved.used);
    }
    // Where nothing ends it is not asked for.
    let lasting = if ending.is_empty() { Vec::new() } else { known.approved_uses(then) };
    Approvals {
        lasting: Coverage::new(lasting),
        ending: ending.into_iter().map(|(statement, (at, uses))| (statement, (at, Coverage::new(uses)))).collect(),
        approved: Coverage::new(known.approved_uses(at)),
        told: Coverage::new(lapsed.into_iter().map(|approved| approved.used).chain(claimed)),
        lapsed: by_statement.into_iter().map(|(statement, uses)| (statement, Coverage::new(uses))).collect(),
        below,
        files: BTreeMap::new(),
    }
}

/// The signed files of a source with their signatures, by what they are.
struct Files<'a> {
    parsed: &'a Parsed,
    roots: BTreeMap<u32, SignedFile>,
    teams: Option<(&'a Arc<str>, SignedFile)>,
    lock: Option<(&'a Arc<str>, SignedFile)>,
    approvers: BTreeMap<ClientId, BTreeMap<u32, SignedFile>>,
    approvals: BTreeMap<ClientId, Vec<(String, SignedFile)>>,
}

impl<'a> Files<'a> {
    fn new(parsed: &'a Parsed) -> Self {
        let mut signatures: BTreeMap<&str, BTreeMap<PersonId, Vec<u8>>> = BTreeMap::new();
        for file in parsed.source.files.values() {
            if let Place::Signature(of, person) = &file.place {
                signatures.entry(of).or_default().insert(person.clone(), file.bytes.to_vec());
            }
        }
        let mut files = Self {
            parsed,
            roots: BTreeMap::new(),
            teams: None,
            lock: None,
            approvers: BTreeMap::new(),
            approvals: BTreeMap::new(),
        };
        // Only what is signed is copied: most of a source is workflows and scenarios.
        for (path, file) in parsed.source.files.iter().filter(|(_, file)| file.place.is_signed()) {
            let signatures = signatures.remove(&**path).unwrap_or_default();
            files.take(path, file, SignedFile { bytes: file.bytes.to_vec(), signatures });
        }
        files
    }

    fn take(&mut self, path: &'a Arc<str>, file: &File, signed: SignedFile) {
        match &file.place {
            Place::Root(number) => drop(self.roots.insert(small(*number), signed)),
            Place::Teams => self.teams = Some((path, signed)),
            Place::CatalogLock => self.lock = Some((path, signed)),
            Place::Approvers(client, number) => {
                self.approvers.entry(client.clone()).or_default().insert(small(*number), signed);
            }
            Place::Approval(client) => {
                self.approvals.entry(client.clone()).or_default().push((path.to_string(), signed));
            }
            Place::Project
            | Place::Integration(_)
            | Place::Provider(_)
            | Place::Library(_)
            | Place::Client(_)
            | Place::Workflow(..)
            | Place::Tests(..)
            | Place::Text
            | Place::Signature(..)
            | Place::Passkey(..)
            | Place::Beside
            | Place::Data => {}
        }
    }

    fn has_unreadable(&self, client: &ClientId) -> bool {
        let mut files = self.parsed.source.files.iter();
        files.any(|(path, file)| {
            matches!(&file.place, Place::Approval(of) if of == client) && Statement::parse(path, &file.bytes).is_err()
        })
    }

    /// Whether the file, a signature of it or an earlier file of its chain was refused: that was reported.
    fn rests_on_refused(&self, file: &str) -> bool {
        let source = &self.parsed.source;
        let chain = file.rsplit_once('/').map(|(folder, _)| format!("{folder}/"));
        let chain = chain.filter(|folder| folder.ends_with("/root/") || folder.ends_with("/approvers/"));
        let mut refused = source.refused.keys().chain(&source.unread);
        refused.any(|path| path.starts_with(file) || chain.as_ref().is_some_and(|chain| path.starts_with(&**chain)))
    }

    /// A finding at the file that the error names, or where that file should stand.
    fn report(&self, code: Code, error: &TrustError, findings: &mut Findings) {
        if self.rests_on_refused(&error.file) {
            return;
        }
        let known = self.parsed.source.files.get_key_value(error.file.as_str());
        let file = known.map_or_else(|| Arc::from(error.file.as_str()), |(path, _)| Arc::clone(path));
        let place = || {
            let text = known.map(|(_, file)| file.text())?;
            let key = error.key.and_then(|key| value_place(text, &[key]));
            Some(key.unwrap_or_else(|| anchor(text)))
        };
        let span = error.span.clone().or_else(place).unwrap_or(0..0);
        let (span, message) = (Span::new(&file, span), format!("`{}` {}.", error.file, error.what));
        match code {
            Code::TrustInvalid => findings.add_with_help(code, span, message, error.help()),
            _ if error.need == Need::Rewriting => {
                let decision =
                    known.and_then(|(_, file)| file.text().lines().find_map(|line| line.strip_prefix("decision = ")));
                let command = match decision.map(|word| word.trim().trim_matches('"')) {
                    Some(word) if word.starts_with("withdraw") => "assent withdraw",
                    Some(word) if word.starts_with("reject") => "assent reject",
                    _ => "assent plan --draft",
                };
                let help = format!(
                    "Write it again with `{command}`, and have the client's approvers sign that: signatures are over the bytes."
                );
                findings.add_with_help(code, span, message, help);
            }
            _ => findings.add(code, span, message),
        }
    }
}

/// A number too large for any chain stands for itself as the largest; the chain then says that it is out of place.
fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn gather_teams(files: &Files<'_>, roots: &RootChain, findings: &mut Findings) -> BTreeMap<ClientId, Team> {
    let teams = match &files.teams {
        Some((path, signed)) => Teams::verify(path, signed, roots),
        None => Err(TrustError::missing("trust/teams.toml")),
    };
    let teams = match teams {
        Ok(teams) => teams,
        Err(error) => {
            files.report(Code::TrustInvalid, &error, findings);
            return BTreeMap::new();
        }
    };
    let known = |person: &PersonId| Some((person.clone(), roots.newest().people.get(person)?.decides_by()));
    teams.clients.iter().map(|(client, team)| (client.clone(), team.iter().filter_map(known).collect())).collect()
}

/// The lock is signed, and says of each catalog file what it is. The files that are not as it says.
fn check_catalog(files: &Files<'_>, roots: &RootChain, findings: &mut Findings) -> BTreeSet<String> {
    let lock = match &files.lock {
        Some((path, signed)) => CatalogLock::verify(path, signed, roots),
        None => Err(TrustError::missing("catalog/catalog.lock")),
    };
    let lock = match lock {
        Ok(lock) => lock,
        Err(error) => {
            files.report(Code::TrustInvalid, &error, findings);
            return BTreeSet::new();
        }
    };
    let catalog = files
        .parsed
        .source
        .files
        .iter()
        .filter(|(_, file)| matches!(file.place, Place::Integration(_) | Place::Provider(_)));
    let digest = |(path, file): (&Arc<str>, &File)| {
        path.strip_prefix("catalog/").map(|path| (path.to_owned(), Digest::of_file(&file.bytes)))
    };
    let differences = lock.differences(&catalog.filter_map(digest).collect()).into_iter();
    let told = |(path, what)| {
        let path = format!("catalog/{path}");
        files.report(Code::TrustInvalid, &TrustError::new(path.clone(), what), findings);
        path
    };
    differences.map(told).collect()
}

/// What the statements of a client say.
struct Gathered {
    known: KnownStatements,
    /// The uses of those that do not hold.
    claimed: Vec<Arc<DataUse>>,
    /// The uses of those that too few of today's approvers signed. That is nobody's mistake: who signed may have left since,
    /// and what was signed stays. Only what rests on it alone is told.
    below: BTreeMap<Digest, Vec<Arc<DataUse>>>,
}

fn gather_statements(
    files: &Files<'_>,
    statements: Vec<(String, SignedFile)>,
    chain: ApproversChain,
    client: &ClientId,
    at: &At,
    findings: &mut Findings,
) -> Gathered {
    let mut known = KnownStatements::new(chain);
    let mut claimed = Vec::new();
    if known.add(statements).is_err() {
        // One by one, in the order in which they count, so that each that does not hold is named.
        let again = Files::new(files.parsed).approvals.remove(client).unwrap_or_default();
        for (file, signed) in by_serial(&again) {
            if let Err(error) = known.add([(file.clone(), signed.clone())]) {
                files.report(Code::ApprovalInvalid, &error, findings);
                claimed.extend(uses_of(file, signed));
            }
        }
    }
    let now = at.among(times(&known));
    let chain = known.approvers().clone();
    let known = settle(known, now).unwrap_or_else(|error| {
        files.report(Code::ApprovalInvalid, &error, findings);
        KnownStatements::new(chain)
    });
    let mut below = BTreeMap::new();
    for (digest, held) in known.held() {
        if let (Standing::BelowThreshold, Decision::Approve(approval)) =
            (known.standing(held, now), &held.statement.says)
        {
            below.insert(*digest, approval.uses.clone());
        }
    }
    Gathered { known, claimed, below }
}

fn by_serial(statements: &[(String, SignedFile)]) -> Vec<&(String, SignedFile)> {
    let serial = |(file, signed): &(String, SignedFile)| Statement::parse(file, &signed.bytes).map_or(0, |s| s.serial);
    let mut sorted: Vec<_> = statements.iter().collect();
    sorted.sort_by_key(|statement| serial(statement));
    sorted
}

fn uses_of(file: &str, signed: &SignedFile) -> Vec<Arc<DataUse>> {
    match Statement::parse(file, &signed.bytes).map(|statement| statement.says) {
        Ok(Decision::Approve(approval)) => approval.uses,
        Ok(Decision::Reject(_) | Decision::Withdraw(_)) | Err(_) => Vec::new(),
    }
}
