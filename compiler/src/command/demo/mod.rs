//! `assent demo`: the main job once, for real, on embedded defaults.

pub mod agency;
pub mod agents;
mod chapters;
pub mod keys;
pub mod outside;
pub mod source;
pub mod stage;
mod story;
mod witness;

use std::io::BufRead;
use std::path::PathBuf;

use super::{Context, Format, Outcome};
use crate::error::Error;
use stage::Stage;
use story::Story;

/// Shows the whole journey once: from a commit to a verified, running, audited workflow, and back.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// End at once instead of waiting, so that nothing stays behind.
    #[arg(long)]
    exit: bool,
    /// Write everything to this folder, which must be empty or new, and keep it.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Output format. JSON comes when the story is over, and nothing is waited for.
    #[arg(long, default_value = "human")]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// When the machine lets a step down; a step that does not hold is told, and is not an error.
pub(super) fn run(args: &Args, context: &mut Context<'_>) -> Result<Outcome, Error> {
    let scratch;
    let folder = if let Some(folder) = &args.keep {
        empty(folder)?
    } else {
        scratch = tempfile::Builder::new().prefix("assent-demo-").tempdir();
        let made = scratch.as_ref().map_err(|e| Error::input(format!("could not make a temporary folder: {e}")))?;
        made.path().to_owned()
    };
    let now = context.now();
    let mut story = Story::new(context, args.format);
    let program = std::env::current_exe().map_err(|e| Error::io("find this program", e))?;
    let mut stage = Stage::set(&folder, now, &program)?;
    // A chapter that cannot go on ends the story: what follows rests on it.
    if let Err(error) = chapters::all(&mut stage, &mut story) {
        story.breaks(&format!("The story ends here: {error}."), &[], std::time::Duration::ZERO)?;
    }
    chapters::epilogue::epilogue(&stage, &mut story)?;
    let whole = story.whole();
    story.finish()?;
    if !args.exit && args.format == Format::Human {
        let after = if args.keep.is_some() { "the folder stays" } else { "the folder goes with it" };
        story.line(&format!("The agents run on. Press Enter to end; {after}."))?;
        if !wait(std::io::stdin().lock())? {
            story.line(ENDED)?;
        }
    }
    Ok(Outcome::of(!whole))
}

fn empty(folder: &std::path::Path) -> Result<PathBuf, Error> {
    let tried = |e| Error::io(format!("use {}", folder.display()), e);
    std::fs::create_dir_all(folder).map_err(tried)?;
    if std::fs::read_dir(folder).map_err(tried)?.next().is_some() {
        return Err(Error::input(format!("{} is not empty", folder.display())));
    }
    folder.canonicalize().map_err(tried)
}

/// What is said where nobody can press a key.
const ENDED: &str = "Standard input is at its end, so the agents end now. They run on while it is open.";

/// Waits for a line; whether one came before the end of the input.
fn wait(mut input: impl BufRead) -> Result<bool, Error> {
    let mut line = String::new();
    input.read_line(&mut line).map(|read| read > 0).map_err(|e| Error::io("wait for a key", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_that_is_at_its_end_is_no_key() {
        assert!(wait(&b"\n"[..]).unwrap());
        assert!(wait(&b"q"[..]).unwrap());
        assert!(!wait(&b""[..]).unwrap());
    }
}
