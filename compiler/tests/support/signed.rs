//! Everything that people sign in a source, with keys from fixed seeds: the same bytes in every run.

use std::collections::{BTreeMap, BTreeSet};

use assent_compiler::check::survey;
use assent_compiler::source::open_commit;
use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, PersonId};
use assent_schema::time::{Moment, Period};
use assent_schema::trust::{
    AgentEntry, Approval, Approvers, Cancelled, CatalogLock, ClientEntry, Decision, Namespace, People, Person, Role,
    RoleName, Root, Signer, Statement, Teams, sign,
};
use assent_schema::uses::DataUse;

use git2::{Oid, Repository, Signature, Time};

use super::{Files, NOW, bare, commit};

/// The agency's people, and the approver of every client.
const ALICE: (&str, u8) = ("alice", 1);
const BRUNO: (&str, u8) = ("bruno", 2);
const DANA: (&str, u8) = ("dana", 3);
/// Who follows her.
const ERIK: (&str, u8) = ("erik", 4);

/// Commits a tree to `main` after another commit, as somebody: `nobody` does not sign, and the `forge` neither.
pub(crate) fn commit_after(repository: &Repository, parent: Oid, tree: Oid, by: &str) -> Oid {
    let name = if by == "forge" { "GitHub" } else { by };
    let who = Signature::new(name, "noreply@example.com", &Time::new(1_780_000_100, 0)).expect("a signature");
    let parent = repository.find_commit(parent).expect("the parent");
    let tree = repository.find_tree(tree).expect("the tree");
    let buffer = repository.commit_create_buffer(&who, &who, "A change", &tree, &[&parent]).expect("a commit");
    let person = [ALICE, BRUNO, DANA].into_iter().find(|(name, _)| *name == by);
    let id = match person {
        Some(person) => {
            let armour = sign(&signer(person), Namespace::Git, &buffer);
            let text = std::str::from_utf8(&buffer).expect("text");
            repository.commit_signed(text, armour.trim_end(), None).expect("a signed commit")
        }
        None => repository.commit(None, &who, &who, "A change", &tree, &[&parent]).expect("a commit"),
    };
    repository.reference("refs/heads/main", id, true, "test").expect("a branch");
    id
}

fn signer((_, seed): (&str, u8)) -> Signer {
    Signer::from_seed(&[seed; 32]).expect("a key")
}

fn id((name, _): (&str, u8)) -> PersonId {
    PersonId::new(name).expect("a handle")
}

fn people(all: &[(&str, u8)]) -> People {
    all.iter().map(|who| (id(*who), Person::new(BTreeSet::from([signer(*who).public().clone()])))).collect()
}

fn put(files: &mut Files, path: &str, text: String, namespace: Namespace, signers: &[(&str, u8)]) -> Digest {
    for who in signers {
        let signature = sign(&signer(*who), namespace, text.as_bytes());
        files.insert(format!("{path}.{}.sig", who.0), signature.into_bytes());
    }
    let digest = Digest::of_file(text.as_bytes());
    files.insert(path.to_owned(), text.into_bytes());
    digest
}

/// Signs a source as everybody concerned would: root, approvers, teams, catalog, and an approval of all that it does.
/// The approval ends at `expires`.
pub(crate) fn sign_all(files: &mut Files, expires: Moment) {
    let trust = sign_trust(files);
    let (_folder, repository) = bare();
    let tree = super::files(&repository, files);
    let now: Moment = NOW.parse().expect("a moment");
    let parts = open_commit(&repository, commit(&repository, tree)).expect("a source");
    let (survey, _) = survey(&parts, now).expect("a source");
    for (client, judged) in survey.judged.iter().filter(|(_, judged)| !judged.missing.is_empty()) {
        approve(files, &trust, client, judged.missing.clone(), expires);
    }
}

/// What statements of clients name.
pub(crate) struct Trust {
    project: Digest,
    approvers: BTreeMap<ClientId, Digest>,
}

/// Signs all but approvals: root, approvers, teams, catalog.
pub(crate) fn sign_trust(files: &mut Files) -> Trust {
    let now: Moment = NOW.parse().expect("a moment");
    let role = |threshold, all: &[(&str, u8)]| Role { threshold, people: all.iter().map(|who| id(*who)).collect() };
    let roles = RoleName::ALL.iter().map(|name| match name {
        RoleName::Root => (*name, role(2, &[ALICE, BRUNO])),
        _ => (*name, role(1, &[ALICE])),
    });
    let first = Root::first(now.plus(Period::days(300)), people(&[ALICE, BRUNO]), roles.collect());
    let both = [ALICE, BRUNO];
    let toml = first.to_toml().expect("a root");
    let project = put(files, "trust/root/1.toml", toml, Namespace::Trust, &both);
    let clients: BTreeSet<ClientId> =
        files.keys().filter_map(|path| ClientId::new(path.strip_prefix("clients/")?.split_once('/')?.0).ok()).collect();
    let mut root = first.next(project);
    let mut approvers = BTreeMap::new();
    for client in &clients {
        let file = Approvers::first(project, client.clone(), 1, people(&[DANA])).to_toml().expect("approvers");
        let path = format!("clients/{client}/approvers/1.toml");
        let digest = put(files, &path, file, Namespace::Approvers, &[DANA]);
        approvers.insert(client.clone(), digest);
        root.clients.insert(client.clone(), ClientEntry::new(digest));
    }
    put(files, "trust/root/2.toml", root.to_toml().expect("a root"), Namespace::Trust, &both);
    let teams = clients.iter().map(|client| (client.clone(), BTreeSet::from([id(ALICE)])));
    let teams = Teams::new(project, 1, teams.collect()).to_toml().expect("teams");
    put(files, "trust/teams.toml", teams, Namespace::Teams, &[ALICE]);
    let catalog = files.iter().filter_map(|(path, bytes)| {
        let path = path.strip_prefix("catalog/").filter(|path| path.contains('/'))?;
        Some((path.to_owned(), Digest::of_file(bytes)))
    });
    let lock = CatalogLock::new(project, 1, catalog.collect()).to_toml().expect("a lock");
    put(files, "catalog/catalog.lock", lock, Namespace::Catalog, &[ALICE]);
    Trust { project, approvers }
}

/// Has a client approve uses.
pub(crate) fn approve(files: &mut Files, trust: &Trust, client: &ClientId, uses: Vec<DataUse>, expires: Moment) {
    let now: Moment = NOW.parse().expect("a moment");
    let statement = Statement {
        project: trust.project,
        client: client.clone(),
        approvers: *trust.approvers.get(client).expect("its approvers"),
        serial: 1,
        given: now.minus(Period::days(30)),
        says: Decision::Approve(Approval::new(expires, uses)),
    };
    let text = statement.to_toml().expect("an approval");
    put(files, &format!("clients/{client}/approvals/1.toml"), text, Namespace::Approval, &[DANA]);
}

/// Has another person follow the approver of a client. What was approved so far is approved by this person too if that is
/// wanted.
pub(crate) fn follow(files: &mut Files, client: &ClientId, approves: bool) {
    let path = |number: u32| format!("clients/{client}/approvers/{number}.toml");
    let bytes = files.get(&path(1)).expect("its approvers").clone();
    let mut next = Approvers::parse(&path(1), &bytes).expect("approvers").next(Digest::of_file(&bytes));
    next.people = people(&[ERIK]);
    put(files, &path(2), next.to_toml().expect("approvers"), Namespace::Approvers, &[DANA]);
    if approves {
        let given = files.get(&format!("clients/{client}/approvals/1.toml")).expect("an approval").clone();
        let mut statement = Statement::parse("an approval", &given).expect("an approval");
        statement.serial = 2;
        let text = statement.to_toml().expect("an approval");
        put(files, &format!("clients/{client}/approvals/2.toml"), text, Namespace::Approval, &[ERIK]);
    }
}

/// Has a client approve the same again for a shorter time, under the serial that it had.
pub(crate) fn approve_again(files: &mut Files, client: &ClientId) {
    let given = files.get(&format!("clients/{client}/approvals/1.toml")).expect("an approval").clone();
    approve_beside(files, client, &given, |statement| {
        if let Decision::Approve(approval) = &mut statement.says {
            approval.expires = approval.expires.minus(Period::days(1));
        }
    });
}

/// Has a client reject or withdraw what it names, in the words of [`Statement::to_toml`].
pub(crate) fn cancel(files: &mut Files, client: &ClientId, decision: &str, named: &[&str]) {
    let given = files.get(&format!("clients/{client}/approvals/1.toml")).expect("an approval").clone();
    let named = named.iter().map(|named| match named.parse::<Digest>() {
        Ok(digest) => Cancelled::Digest(digest),
        Err(_) => Cancelled::Workflow(named.parse().expect("a workflow")),
    });
    let named = named.collect();
    approve_beside(files, client, &given, |statement| {
        statement.serial = 2;
        statement.says = if decision == "reject" { Decision::Reject(named) } else { Decision::Withdraw(named) };
    });
}

/// Signs another approval of a client beside its first: what a file says, but for a change.
pub(crate) fn approve_beside(files: &mut Files, client: &ClientId, given: &[u8], change: impl FnOnce(&mut Statement)) {
    let mut statement = Statement::parse("an approval", given).expect("an approval");
    change(&mut statement);
    let text = statement.to_toml().expect("an approval");
    put(files, &format!("clients/{client}/approvals/2.toml"), text, Namespace::Approval, &[DANA]);
}

/// A public key of somebody.
pub(crate) fn public_key() -> assent_schema::trust::PublicKey {
    signer(BRUNO).public().clone()
}

/// Lists an agent in the next root.
pub(crate) fn list_agent(files: &mut Files, agent: &str, entry: AgentEntry) {
    let first = Digest::of_file(&files["trust/root/1.toml"]);
    let mut root = Root::parse("trust/root/2.toml", &files["trust/root/2.toml"]).expect("a root").next(first);
    root.agents.insert(agent.parse().expect("a name"), entry);
    put(files, "trust/root/3.toml", root.to_toml().expect("a root"), Namespace::Trust, &[ALICE, BRUNO]);
}

/// Takes an agent out of the root, by the version after the newest.
pub(crate) fn drop_agent(files: &mut Files, agent: &str) {
    let first = Digest::of_file(&files["trust/root/1.toml"]);
    let newest = (1..1_000).take_while(|version| files.contains_key(&format!("trust/root/{version}.toml"))).last();
    let file = format!("trust/root/{}.toml", newest.expect("a root"));
    let mut root = Root::parse(&file, &files[&file]).expect("a root").next(first);
    root.agents.remove(agent).expect("an agent");
    let file = format!("trust/root/{}.toml", root.version);
    put(files, &file, root.to_toml().expect("a root"), Namespace::Trust, &[ALICE, BRUNO]);
}
