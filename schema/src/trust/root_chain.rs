//! All versions of the root, verified one after the other.
//!
//! # Source
//! trust.md section 2.

use std::collections::BTreeMap;

use super::error::{Need, TrustError};
use super::people::{self, Rule, SignedFile};
use super::root::{AgentEntry, ClientEntry, RoleName, Root};
use super::sshsig::Namespace;
use super::verified::Verified;
use crate::canon::Digest;
use crate::id::{AgentId, ClientId, PersonId};
use crate::time::Moment;

/// The most root versions that are walked.
const VERSIONS_MOST: usize = 10_000;

/// All versions, verified one after the other.
#[derive(Clone, Debug)]
pub struct RootChain {
    versions: Vec<Verified<Root>>,
    newest: Verified<Root>,
}

impl RootChain {
    /// Walks from version 1, which is what the project is, to the newest: each signed by the thresholds of the version
    /// before it and of its own. Expiry is left to [`RootChain::check_current`]: that of versions in between says nothing.
    ///
    /// # Errors
    /// At the first version that is missing, badly signed or breaks a rule.
    pub fn walk(files: &BTreeMap<u32, SignedFile>) -> Result<Self, TrustError> {
        let mut versions: Vec<Verified<Root>> = Vec::new();
        if files.len() > VERSIONS_MOST {
            return Err(TrustError::new("trust/root", format!("holds more than {VERSIONS_MOST} versions")));
        }
        for (number, (version, signed)) in (1..).zip(files) {
            let file = format!("trust/root/{version}.toml");
            if *version != number {
                return Err(TrustError::new(file, format!("stands where version {number} must")));
            }
            let root = Root::parse(&file, &signed.bytes)?;
            step(&file, &root, *version, signed, &versions)?;
            versions.push(Verified::new(&signed.bytes, root));
        }
        let newest = versions.last().cloned();
        let newest = newest.ok_or_else(|| TrustError::missing("trust/root/1.toml"))?;
        // Of those before it nothing runs any more.
        check_places(&format!("trust/root/{}.toml", newest.version), &newest)?;
        Ok(Self { versions, newest })
    }

    /// SHA-256 of version 1, which names the project.
    pub fn project(&self) -> Digest {
        self.versions.first().unwrap_or(&self.newest).digest()
    }

    /// The newest version.
    pub fn newest(&self) -> &Verified<Root> {
        &self.newest
    }

    /// Whether somebody is, or was in some version, one of the agency's people.
    pub fn knows(&self, person: &PersonId) -> bool {
        self.versions.iter().any(|root| root.people.contains_key(person))
    }

    /// A version by its number.
    pub fn version(&self, number: u32) -> Option<&Verified<Root>> {
        self.versions.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// An agent as the newest version that lists it says, and the number of that version. An agent that was taken out ran under
    /// the versions before: what it signed then is still by its keys.
    pub fn listed(&self, agent: &AgentId) -> Option<(&AgentEntry, u32)> {
        self.versions.iter().rev().find_map(|root| Some((root.agents.get(agent)?, root.version)))
    }

    /// Every agent that some version lists, as [`RootChain::listed`] says.
    pub fn ever(&self) -> BTreeMap<&AgentId, (&AgentEntry, u32)> {
        let all = self.versions.iter();
        all.flat_map(|root| root.agents.iter().map(|(agent, entry)| (agent, (entry, root.version)))).collect()
    }

    /// Checks that the newest version has not expired.
    ///
    /// # Errors
    /// When it has.
    pub fn check_current(&self, at: Moment) -> Result<(), TrustError> {
        let newest = &self.newest;
        if at < newest.expires {
            return Ok(());
        }
        let file = format!("trust/root/{}.toml", newest.version);
        let expired = TrustError::new(file, format!("expired at {}", newest.expires));
        Err(TrustError { need: Need::Renewal, ..expired })
    }

    /// Checks a file that a role signs: every signature counts and the threshold is reached.
    ///
    /// # Errors
    /// As [`people::check`].
    pub fn check_role(&self, role: RoleName, file: &str, signed: &SignedFile) -> Result<(), TrustError> {
        let rule =
            self.newest.rule(role).ok_or_else(|| TrustError::new(file, "is signed by a role that nobody holds"))?;
        let namespace = role.namespaces().first().copied().unwrap_or(Namespace::Trust);
        people::check(file, namespace, signed, &[rule])
    }
}

impl Root {
    /// Checks what a version may not change of the one before it, whoever signs it.
    ///
    /// # Errors
    /// When it takes keys of the release or freshness role away in the same generation, says something else of what means
    /// one thing for ever, or lets two agents run one region.
    pub fn check_after(&self, file: &str, old: &Self) -> Result<(), TrustError> {
        check_places(file, self)?;
        check_generation(file, old, self)?;
        check_constant(file, old, self)
    }
}

/// Checks one version against those before it.
fn step(
    file: &str,
    root: &Root,
    version: u32,
    signed: &SignedFile,
    before: &[Verified<Root>],
) -> Result<(), TrustError> {
    let refuse = |what: String| Err(TrustError::new(file, what));
    if root.version != version {
        return refuse(format!("says that it is version {}", root.version));
    }
    if root.project != before.first().map(Verified::digest) {
        return refuse("belongs to another project".to_owned());
    }
    let mut rules: Vec<Rule<'_>> = root.rule(RoleName::Root).into_iter().collect();
    if let Some(old) = before.last() {
        rules.extend(old.rule(RoleName::Root));
        check_generation(file, old, root)?;
    }
    for old in before {
        check_constant(file, old, root)?;
    }
    people::check(file, Namespace::Trust, signed, &rules)
}

/// One agent runs an environment of a region: each takes every event and runs every schedule by itself, so a second one would do
/// everything once more. Outside production those whose rehearsals count may stand beside it, each with sandboxes of its own.
fn check_places(file: &str, root: &Root) -> Result<(), TrustError> {
    let mut places = BTreeMap::new();
    for (name, agent) in &root.agents {
        if agent.rehearses && !agent.environment.is_production() {
            continue;
        }
        let AgentEntry { environment, region, .. } = agent;
        if let Some(other) = places.insert((environment, region), name) {
            let what = format!(
                "lists {other} and {name} for {environment}/{region}: one agent runs a region, and a second would do everything \
                 twice; take the old one out in the version that lists the new one (`assent trust root --agent FILE --drop-agent \
                 {other}`)"
            );
            return Err(TrustError::new(file, what));
        }
    }
    Ok(())
}

/// Keys that are taken away from the release or freshness role end the generation in which they could have signed.
fn check_generation(file: &str, old: &Root, new: &Root) -> Result<(), TrustError> {
    let raised = old.generation.checked_add(1) == Some(new.generation);
    if !raised && new.generation != old.generation {
        return Err(TrustError::new(file, "changes the generation by more than one"));
    }
    let taken = |role| !old.keys(role).is_subset(&new.keys(role));
    if !raised && (taken(RoleName::Release) || taken(RoleName::Freshness)) {
        return Err(TrustError::new(
            file,
            "replaces keys of the release or freshness role without raising the generation (`--new-generation`)",
        ));
    }
    Ok(())
}

/// What a name meant in any version, it means for ever: a client's first approvers, an agent's place and ledger.
fn check_constant(file: &str, old: &Root, new: &Root) -> Result<(), TrustError> {
    let moved = |(name, was): &(&ClientId, &ClientEntry)| {
        new.clients.get(*name).is_some_and(|is| is.approvers != was.approvers)
    };
    let moved = old.clients.iter().find(moved);
    if let Some((client, _)) = moved {
        return Err(TrustError::new(
            file,
            format!("names other first approvers for {client}; only the client changes them"),
        ));
    }
    let rewritten = |(name, was): &(&ClientId, &ClientEntry)| {
        new.clients.get(*name).is_some_and(|is| !is.resets.starts_with(&was.resets))
    };
    if let Some((client, _)) = old.clients.iter().find(rewritten) {
        return Err(TrustError::new(file, format!("changes what an older version says of a reset for {client}")));
    }
    let place = |agent: &AgentEntry| (agent.region.clone(), agent.environment.clone(), agent.ledger_key.clone());
    let differs =
        |(name, was): &(&AgentId, &AgentEntry)| new.agents.get(*name).is_some_and(|is| place(is) != place(was));
    if let Some((agent, _)) = old.agents.iter().find(differs) {
        let what = format!("gives the agent {agent} another region, environment or ledger key; that is a new agent");
        return Err(TrustError::new(file, what));
    }
    Ok(())
}
