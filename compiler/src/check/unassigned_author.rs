//! `unassigned-author`: a commit changes a client's folder, or what a client shares with others, and was not signed by somebody
//! assigned to that client.
//!
//! # Source
//! trust.md section 2, "Teams". Promise P09.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use assent_schema::code::Code;
use assent_schema::finding::{Findings, Span};
use assent_schema::id::{ClientId, PersonId};
use assent_schema::trust::{Namespace, People, RootChain, SignatureError, Teams, TrustError, verify};

use git2::Repository;

use super::leads::Leads;
use crate::error::Error;
use crate::parse::value_place;
use crate::source::{Change, LIBRARY_FOLDER, PROJECT_FILE, Parts, TrustFiles};

/// What to do about a commit that the forge made out of others.
const SQUASHED: &str = "The forge made this commit out of others and dropped their signatures. Merge without squashing or rebasing at the forge; or squash on your own machine, sign with `git commit -S`, and push that.";
/// What to do where nobody is assigned yet.
const NO_TEAM: &str = "Commit `trust/teams.toml`, signed by the `teams` role, before the clients' folders; `assent trust teams` writes it.";
/// What to do where nobody is assigned yet, and no commit before says who could be.
const FROM_THE_START: &str = "A commit from before the teams stays one, so begin the history anew while nothing was released: `git checkout --orphan anew && git rm -rq --cached .`, commit `trust/` alone, then the rest, signed by a member of the team; `git branch -M anew main` puts it in the old one's place. `assent check --since ROOT` says whether it holds.";
/// What to do about a commit without a signature.
const UNSIGNED: &str = "Have a member of the team sign it: set `gpg.format` to `ssh` and `user.signingkey`, then `git commit --amend -S`, or `git rebase --exec 'git commit --amend --no-edit -S'` for several.";

/// What to do where the teams of several clients must be content with a file of the library.
const LIBRARY: &str = " A change of the library is one of every client whose workflows lead to the file: it is signed by somebody who is in all of their teams; or it stands under a new name, which each team uses when it wants to.";
/// What to do about `assent.toml`, which is of the agency: whoever is assigned to one of its clients may change it.
const PROJECT: &str = " What `assent.toml` says of a region and of its alert routes it says of every client there that takes them: a change is signed by somebody who is in the team of one of them.";

/// Who wrote what, as far as the commits that were looked at tell.
#[derive(Clone, Debug, Default)]
pub struct Authors {
    /// By path. A commit without a signature that counts was anybody's, which is `None`.
    by_path: BTreeMap<String, BTreeSet<Option<PersonId>>>,
}

impl Authors {
    /// Who signed for files whose path begins so, by name; and whether somebody did whom nobody knows.
    pub fn below(&self, folder: &str) -> (BTreeSet<&PersonId>, bool) {
        let all = self.by_path.iter().filter(|(path, _)| path.starts_with(folder)).flat_map(|(_, who)| who);
        let (mut people, mut unknown) = (BTreeSet::new(), false);
        for who in all {
            match who {
                Some(person) => drop(people.insert(person)),
                None => unknown = true,
            }
        }
        (people, unknown)
    }

    /// Who changed some files: nothing where nobody did, and everybody where it cannot be told who.
    pub fn of<'p>(
        &self,
        paths: impl IntoIterator<Item = &'p str>,
        everybody: &BTreeSet<PersonId>,
    ) -> BTreeSet<PersonId> {
        let who: BTreeSet<_> = paths.into_iter().filter_map(|path| self.by_path.get(path)).flatten().collect();
        if who.iter().any(|person| person.is_none()) {
            return everybody.clone();
        }
        who.into_iter().flatten().cloned().collect()
    }
}

/// Judges commits by the teams of their first parents; who wrote what.
///
/// What a client shares with others is judged as its own folder is, for each of them. Merges are judged for what they change
/// themselves. Approvals and approvers may be added by anyone: their own signatures
/// decide. Nobody but a member takes one out or changes it: what a client said, a withdrawal above all, stays said.
///
/// # Errors
/// When a commit cannot be read.
pub fn judge(
    changes: &[Change],
    repository: &Repository,
    roots: Option<&RootChain>,
    parts: &dyn Parts,
    findings: &mut Findings,
) -> Result<Authors, Error> {
    let mut authors = Authors::default();
    // A source whose roots do not hold has findings already, and nobody who could be assigned.
    let Some(roots) = roots else { return Ok(authors) };
    let mut leads = Leads::new(repository);
    let mut known: BTreeMap<*const TrustFiles, Result<Assigned, String>> = BTreeMap::new();
    for change in changes {
        for trust in change.past.iter().chain([&change.trust]) {
            known.entry(Arc::as_ptr(trust)).or_insert_with(|| Assigned::of(trust, roots));
        }
        let of = |trust: &Arc<TrustFiles>| known.get(&Arc::as_ptr(trust))?.as_ref().ok();
        let assigned = of(&change.trust);
        let why = known.get(&Arc::as_ptr(&change.trust)).and_then(|known| known.as_ref().err());
        let signed = Signed::of(change, assigned);
        let author = signed.person();
        for path in &change.paths {
            authors.by_path.entry(path.clone()).or_default().insert(author.cloned());
        }
        // Somebody who has left could still sign on top of a commit of the time before, or of one that puts the teams of that
        // time back, which anybody may commit. So the newest that ever stood before must know the signer too.
        let newest = change.past.iter().filter_map(of).max_by_key(|past| past.rank);
        let newest = newest.filter(|newest| assigned.is_none_or(|assigned| newest.rank > assigned.rank));
        let newest = newest.map(|newest| (Signed::of(change, Some(newest)), newest));
        let shared = leads.touched(change)?;
        let own = clients_of(change);
        let others = shared.iter().map(|(client, path)| (Some(client.clone()), path.as_str()));
        // Whoever may not change the client's folder is told so once.
        let others: Vec<_> = others.filter(|(client, _)| !own.contains_key(client)).collect();
        let objects = |client: Option<&ClientId>| {
            let then = || {
                let (signed, newest) = newest.as_ref()?;
                let (said, help) = objection(client, signed, Ok(newest))?;
                Some((
                    format!("on top of older teams than stood before or were released last, {said} by the newer"),
                    help,
                ))
            };
            objection(client, &signed, assigned.ok_or(why)).or_else(then)
        };
        let may_project =
            others.iter().any(|(client, path)| *path == PROJECT_FILE && objects(client.as_ref()).is_none());
        let others = others.into_iter().filter(|(_, path)| *path != PROJECT_FILE || !may_project);
        for (client, path) in own.into_iter().chain(others) {
            if let Some((said, help)) = objects(client.as_ref()) {
                let is_before_teams = assigned.is_none() && !change.past.iter().any(|past| past.teams.is_some());
                let help = if is_before_teams { FROM_THE_START.to_owned() } else { help };
                let short: String = change.id.to_string().chars().take(12).collect();
                let is_said = is_said_by_client(path.splitn(3, '/').nth(2).unwrap_or_default());
                let does = if is_said { "changes or takes out" } else { "changes" };
                let (of, beside) = match &client {
                    Some(client) if !path.starts_with("clients/") => {
                        let beside = if path.starts_with(LIBRARY_FOLDER) { LIBRARY } else { PROJECT };
                        (format!(" for `{client}`"), beside)
                    }
                    _ => (String::new(), ""),
                };
                let message = format!("Commit {short} {does} `{path}`{of}, {said}.");
                let help = format!("{help}{beside}");
                findings.add_with_help(Code::UnassignedAuthor, place(parts, client.as_ref(), path), message, help);
            }
        }
    }
    Ok(authors)
}

/// Who was assigned and with which keys, when a commit was made.
struct Assigned {
    /// The versions of root and teams: neither ever goes back.
    rank: (u32, u64),
    people: People,
    teams: BTreeMap<ClientId, BTreeSet<PersonId>>,
}

impl Assigned {
    /// Why the files do not hold, or are not of this project's own past.
    fn of(files: &TrustFiles, newest: &RootChain) -> Result<Self, String> {
        let said = |error: TrustError| format!("`{}` {}", error.file, error.what);
        let roots = RootChain::walk(&files.roots).map_err(said)?;
        let is_past = |(version, signed): (&u32, &assent_schema::trust::SignedFile)| {
            newest.version(*version).is_some_and(|root| root.bytes() == signed.bytes.as_slice())
        };
        if !files.roots.iter().all(is_past) {
            return Err("its root is not one that this project had".to_owned());
        }
        let teams = files.teams.as_ref().ok_or_else(|| "there is none".to_owned())?;
        let teams = Teams::verify("trust/teams.toml", teams, &roots).map_err(said)?;
        let rank = (roots.newest().version, teams.number);
        Ok(Self { rank, people: roots.newest().people.clone(), teams: teams.clients.clone() })
    }
}

/// Whose signature a commit has.
enum Signed {
    By(PersonId),
    Nobody,
    /// The forge's own signature, or none on a commit that the forge made.
    Forge,
    Unknown,
    Wrong(SignatureError),
}

impl Signed {
    fn of(change: &Change, assigned: Option<&Assigned>) -> Self {
        let by_forge = change.committer.starts_with("GitHub <") || change.committer.contains("<noreply@");
        let Some((armour, signed)) = &change.signature else {
            return if by_forge { Self::Forge } else { Self::Nobody };
        };
        if !armour.starts_with(b"-----BEGIN SSH SIGNATURE") {
            return if by_forge { Self::Forge } else { Self::Unknown };
        }
        let mut wrong = None;
        for (person, keys) in assigned.into_iter().flat_map(|assigned| &assigned.people) {
            match verify(signed, armour, Namespace::Git, &keys.keys) {
                Ok(_) => return Self::By(person.clone()),
                Err(SignatureError::UnknownKey) => {}
                Err(other) => wrong = Some(other),
            }
        }
        wrong.map_or(Self::Unknown, Self::Wrong)
    }

    fn person(&self) -> Option<&PersonId> {
        match self {
            Self::By(person) => Some(person),
            Self::Nobody | Self::Forge | Self::Unknown | Self::Wrong(_) => None,
        }
    }
}

/// The clients whose folder a commit changes, each with the first path that needs a member of its team. A folder whose
/// name is no client's has no team.
fn clients_of(change: &Change) -> BTreeMap<Option<ClientId>, &str> {
    let mut clients = BTreeMap::new();
    for path in &change.paths {
        let Some(rest) = path.strip_prefix("clients/") else { continue };
        let (client, rest) = rest.split_once('/').unwrap_or((rest, ""));
        if !is_said_by_client(rest) || change.taken.contains(path) {
            clients.entry(ClientId::new(client).ok()).or_insert(path.as_str());
        }
    }
    clients
}

/// Whether a path below a client's folder is of what its approvers say and sign.
fn is_said_by_client(rest: &str) -> bool {
    rest.starts_with("approvals/") || rest.starts_with("approvers/")
}

/// Why a commit does not count for a client, and what to do.
fn objection(
    client: Option<&ClientId>,
    signed: &Signed,
    assigned: Result<&Assigned, Option<&String>>,
) -> Option<(String, String)> {
    let assigned = match assigned {
        Ok(assigned) => assigned,
        Err(why) => {
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            let said = "but neither its first parent nor the commit itself has a `trust/teams.toml` that holds";
            return Some((format!("{said}{why}"), NO_TEAM.to_owned()));
        }
    };
    let client = client?;
    let team = assigned.teams.get(client);
    let members = team.into_iter().flatten().map(|person| format!("`{person}`")).collect::<Vec<_>>();
    let members = if members.is_empty() { "nobody yet".to_owned() } else { members.join(", ") };
    let amend = format!("Assigned to `{client}` in the commit before: {members}. {UNSIGNED}");
    Some(match signed {
        Signed::By(person) if team.is_some_and(|team| team.contains(person)) => return None,
        Signed::By(person) => {
            let help = format!(
                "Have the `teams` role assign `{person}` in an earlier commit, or a member commit it; assigned are: {members}."
            );
            (format!("but `{person}`, who signed it, was not assigned to `{client}`"), help)
        }
        Signed::Forge => {
            (format!("but the forge committed it, not somebody assigned to `{client}`"), SQUASHED.to_owned())
        }
        Signed::Nobody => ("but nobody signed it".to_owned(), amend),
        Signed::Unknown => ("but its signature is not by an SSH key that the root lists".to_owned(), amend),
        Signed::Wrong(why) => (format!("but its signature {why}"), amend),
    })
}

/// The first line of the file that was changed; where it is gone, the client's name; else the teams.
fn place(parts: &dyn Parts, client: Option<&ClientId>, path: &str) -> Span {
    if let Some(text) = parts.text(path) {
        return Span::new(&path.into(), 0..text.lines().next().map_or(0, str::len));
    }
    let of_client = client.and_then(|client| {
        let path = format!("clients/{client}/client.toml");
        let text = parts.text(&path)?;
        Some(Span::new(&path.into(), value_place(&text, &["name"])?))
    });
    of_client.unwrap_or_else(|| Span::new(&"trust/teams.toml".into(), 0..0))
}
