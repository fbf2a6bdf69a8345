//! The chapters of the story, each a few steps that either hold or do not.

mod agreeing;
mod agreeing_again;
mod changing;
mod checking;
pub(super) mod epilogue;
mod freezing;
mod leaving;
mod releasing;
mod reporting;
mod returning;
mod running;
mod withdrawing;

use std::path::Path;

use super::stage::Stage;
use super::story::Story;
use crate::error::Error;

/// The whole story.
pub(super) fn all(stage: &mut Stage, story: &mut Story<'_, '_>) -> Result<(), Error> {
    agreeing::agree(stage, story)?;
    releasing::rehearse(stage, story)?;
    releasing::produce(stage, story)?;
    running::run(stage, story)?;
    checking::check(stage, story)?;
    changing::tamper(stage, story)?;
    changing::roll_back(stage, story)?;
    returning::fail(stage, story)?;
    withdrawing::withdraw(stage, story)?;
    leaving::leave(stage, story)?;
    agreeing_again::agree_again(stage, story)?;
    reporting::report(stage, story)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
