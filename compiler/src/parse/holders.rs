//! Who holds the checkpoints of a client's ledger: branches of its own, witnesses; and when nothing may change.

use assent_schema::client::{Freeze, OwnedBranch, Witness};
use assent_schema::ledger::LogKey;
use assent_schema::remote::Remote;
use assent_schema::spec::Holders;

use super::client::public_key;
use super::reader::Value;
use super::url::base_url;
use super::value::{parsed, plain_line};

pub(super) fn holders(value: Value<'_, '_>) -> Option<Holders> {
    let mut table = value.table()?;
    let branch = table.opt("branch", |value| value.spanned(owned_branch));
    let witnesses = table.list("witness", |value| value.spanned(witness));
    table.done();
    Some(Holders { branch, witnesses })
}

fn owned_branch(value: Value<'_, '_>) -> Option<OwnedBranch> {
    let given = value.clone();
    let mut table = value.table()?;
    let repository = table.need("repository", |value| match value.text()?.parse::<Remote>() {
        Ok(_) => value.text().map(str::to_owned),
        Err(why) => {
            let help = "Write `https://git.example/acme/ledger.git` or `ssh://git@git.example/acme/ledger.git`; what opens it goes into the agent's vault.";
            value.bad_with_help(&why.to_string(), help.into())
        }
    });
    let name = table.need("name", parsed);
    let host_key = table.opt("host_key", public_key);
    let ca = table.opt("ca", |value| value.text().map(str::to_owned));
    let region = table.need("region", parsed);
    table.done();
    let branch = OwnedBranch { repository: repository?, name: name?, host_key, ca, region: region? };
    match branch.remote() {
        Ok(_) => Some(branch),
        Err(_) => given.bad_with_help(
            "does not say how its server shows who it is",
            "Pin `host_key` for `ssh://`; with `https://` leave it out and give `ca` only for certificates of one's own.".into(),
        ),
    }
}

fn witness(value: Value<'_, '_>) -> Option<Witness> {
    let mut table = value.table()?;
    let url = table.need("url", base_url);
    let key = table.need("key", |value| {
        let key = LogKey::from_vkey(value.text()?).ok().filter(LogKey::is_of_witness);
        match key {
            Some(key) => Some(key.to_vkey()),
            None => value.bad_with_help(
                "is not the key of a witness",
                "Write the line that the witness prints: `name+id+base64`.".into(),
            ),
        }
    });
    let region = table.need("region", parsed);
    table.done();
    Some(Witness { url: url?.value, key: key?, region: region? })
}

pub(super) fn freeze(value: Value<'_, '_>) -> Option<Freeze> {
    let mut table = value.table()?;
    let from = table.need("from", parsed);
    let until = table.need("until", parsed);
    let reason = table.need("reason", plain_line);
    let freeze = Freeze { from: from?, until: until?, reason: reason? };
    if freeze.from >= freeze.until {
        return table.bad(
            "`until` is not after `from`.",
            "Write the first moment as `from` and the one after the last as `until`.",
        );
    }
    table.done();
    Some(freeze)
}
