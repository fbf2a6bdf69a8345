//! `assent approve FILE --page HTML`: gathers what stands on the page from the repository of the source.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use assent_schema::canon::Digest;
use assent_schema::id::{ClientId, Name, WorkflowId};
use assent_schema::plan::{Action, Plan};
use assent_schema::time::Moment;
use assent_schema::trust::{Approved, Decision, Statement};
use assent_schema::uses::uncovered;

use crate::check::{Survey, survey};
use crate::command::Context;
use crate::command::repository::{commit, worktree};
use crate::compare::{ClientState, beside, state};
use crate::error::Error;
use crate::publish::{branch, opened, place};
use crate::sentence::Categories;
use crate::show::page::{Page, Prompt, Was, page};
use crate::source::resolve_commit;

/// Where the page goes, and which source it speaks of.
#[derive(Debug, clap::Args)]
pub(super) struct PageArgs {
    /// Write one HTML page for those who sign: what is approved now beside what is asked, the prompts, what exactly is
    /// signed, and how.
    #[arg(long, value_name = "HTML")]
    page: Option<PathBuf>,
    /// The repository of the source that the page speaks of.
    #[arg(long, default_value = ".", value_name = "DIR")]
    repo: PathBuf,
    /// The commit whose prompts stand on the page beside those of HEAD.
    #[arg(long, value_name = "COMMIT", requires = "page")]
    base: Option<String>,
    /// Look at the files as they are on disk instead of HEAD.
    #[arg(long, requires = "page")]
    worktree: bool,
    /// The moment as of which the page speaks, like 2026-03-02T09:00:00Z; now, unless said.
    #[arg(long, value_name = "INSTANT", requires = "page")]
    at: Option<Moment>,
}

impl PageArgs {
    /// Writes the page, if one was asked for; where it lies.
    ///
    /// # Errors
    /// When the source cannot be read, or the statement belongs to another one.
    pub(super) fn write(
        &self,
        file: &Path,
        bytes: &[u8],
        statement: &Statement,
        context: &Context<'_>,
    ) -> Result<Option<&Path>, Error> {
        let Some(to) = &self.page else { return Ok(None) };
        let at = self.at.unwrap_or_else(|| context.now());
        let (head, source) = self.source(&statement.client, at)?;
        let standing = standing(&head, statement, bytes, at).map_err(|error| self.unless_on_disk(error))?;
        let now = of(&head, &statement.client)?;
        let base = self.base.as_deref().map(|base| self.commit(base, &statement.client, at)).transpose()?;
        let before = base.as_ref().map(|base| of(base, &statement.client).unwrap_or_default());
        let (beside, rest) = beside(statement, &standing);
        let (needed, lacking) = match &statement.says {
            Decision::Approve(approval) => {
                let lacking =
                    uncovered(&now.missing, approval.uses.iter().map(AsRef::as_ref)).into_iter().cloned().collect();
                (now.missing.clone(), lacking)
            }
            Decision::Reject(_) | Decision::Withdraw(_) => (Vec::new(), Vec::new()),
        };
        let concerned: BTreeSet<&WorkflowId> = beside
            .iter()
            .filter_map(|pair| pair.is.as_ref().or(pair.was.as_ref().map(|was| &was.used)))
            .filter_map(|used| used.workflow.as_ref())
            .collect();
        let approvers = now.approvers.as_ref().ok_or_else(|| unknown(&statement.client))?;
        let html = page(&Page {
            file: &file.file_name().unwrap_or_default().to_string_lossy(),
            bytes,
            statement,
            at,
            source: &source,
            approvers,
            beside: &beside,
            rest: &rest,
            needed: &needed,
            lacking: &lacking,
            prompts: &prompts(&concerned, &now, before.as_ref()),
            categories: &Categories::of(now.plans.values().map(AsRef::as_ref)),
        });
        place::put_named(to, html.as_bytes())?;
        Ok(Some(to))
    }

    /// What is not in the commit may well be in the files.
    fn unless_on_disk(&self, error: Error) -> Error {
        if self.worktree {
            return error;
        }
        Error::input(format!("{error}. That is what HEAD holds: `--worktree` looks at the files as they are on disk"))
    }

    /// The source that the page speaks of, and what it is called.
    fn source(&self, client: &ClientId, at: Moment) -> Result<(Survey, String), Error> {
        if self.worktree {
            return Ok((survey(&worktree(&opened::top(&self.repo))?, at)?.0, "the files on disk".to_owned()));
        }
        let repository = branch::open(&self.repo)?;
        let mut head = commit(&repository, "HEAD")?;
        let name = resolve_commit(&repository, "HEAD")?;
        head.keep_only(client);
        Ok((survey(&head, at)?.0, format!("the commit {name}")))
    }

    fn commit(&self, revision: &str, client: &ClientId, at: Moment) -> Result<Survey, Error> {
        let mut base = commit(&branch::open(&self.repo)?, revision)?;
        base.keep_only(client);
        Ok(survey(&base, at)?.0)
    }
}

fn unknown(client: &ClientId) -> Error {
    Error::input(format!("the source has no approvers of `{client}` that hold; see `assent check`"))
}

fn of(survey: &Survey, client: &ClientId) -> Result<ClientState, Error> {
    state(survey).clients.remove(client).ok_or_else(|| Error::input(format!("there is no client `{client}`")))
}

/// What is approved without the statement.
fn standing(survey: &Survey, statement: &Statement, bytes: &[u8], at: Moment) -> Result<Vec<Approved>, Error> {
    let client = &statement.client;
    let known = survey.trusted.statements.get(client).ok_or_else(|| unknown(client))?;
    let chain = known.approvers();
    if statement.project != chain.newest().project || statement.approvers != chain.first() {
        return Err(Error::input(format!(
            "the statement belongs to another project or another `{client}` than the source"
        )));
    }
    let own = Digest::of_file(bytes);
    Ok(known.approved(at).into_iter().filter(|approved| approved.statement != own).collect())
}

/// The prompts of some workflows, in the order of workflow and step.
fn prompts(concerned: &BTreeSet<&WorkflowId>, now: &ClientState, before: Option<&ClientState>) -> Vec<Prompt> {
    let mut found = Vec::new();
    for workflow in concerned {
        let new = now.plans.get(*workflow).map(|plan| asks(plan)).unwrap_or_default();
        let old = before.map(|before| before.plans.get(*workflow).map(|plan| asks(plan)).unwrap_or_default());
        let text =
            |side: &[(Name, String)], step: &Name| side.iter().find(|(id, _)| id == step).map(|(_, text)| text.clone());
        let gone = old.iter().flatten().filter(|(step, _)| text(&new, step).is_none());
        for (step, _) in new.iter().chain(gone) {
            let was = old.as_ref().map(|old| text(old, step).map_or(Was::Absent, Was::Text));
            found.push(Prompt { workflow: (*workflow).clone(), step: step.clone(), was, is: text(&new, step) });
        }
    }
    found
}

fn asks(plan: &Plan) -> Vec<(Name, String)> {
    let ask = |step: &assent_schema::plan::Step| match &step.action {
        Action::Ask { prompt, .. } => Some((step.id.clone(), prompt.clone())),
        Action::Call { .. }
        | Action::Decide { .. }
        | Action::Set { .. }
        | Action::Each(_)
        | Action::Wait { .. }
        | Action::Stop { .. } => None,
    };
    plan.every_step().filter_map(ask).collect()
}
