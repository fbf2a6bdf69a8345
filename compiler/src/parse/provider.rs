//! Reads `catalog/providers/<name>.toml`.

use assent_schema::id::ProviderId;
use assent_schema::spec::{Agreement, Prices, Provider};
use assent_schema::time::Period;

use super::client::endpoint;
use super::integration::{auth, named_as_file};
use super::reader::{Table, Value};
use super::value::{boolean, currency, decimal, line, name, word};

/// Reads a provider.
pub(super) fn provider(mut table: Table<'_, '_>, stem: &ProviderId) -> Option<Provider> {
    let id = table.need("name", |value| named_as_file(value, stem));
    let dialect = table.need("dialect", |value| value.spanned(word));
    let model = table.need("model", line);
    let auth = table.need("auth", |value| value.spanned(auth));
    let endpoint = table.map("endpoint", endpoint);
    let agreement = table.opt("agreement", agreement);
    let class = table.opt("class", word).unwrap_or_default();
    let prices = table.opt("prices", prices);
    // Whoever misspelt it has one, which cannot be read.
    if table.is_misspelt("agreement") {
        table.lacks::<()>(&["agreement"], "`agreement` is missing.", "Add `agreement`.");
    }
    table.done();
    Some(Provider { name: id?, dialect: dialect?, model: model?, auth: auth?, endpoint, agreement, class, prices })
}

fn agreement(value: Value<'_, '_>) -> Option<Agreement> {
    let mut table = value.table()?;
    let agreement_name = table.need("name", line);
    let parties = table.list("parties", line);
    let from = table.need("from", name);
    let until = table.need("until", name);
    let forbids_training = table.need("forbids_training", |value| value.spanned(boolean));
    let retention = table.need("retention", |value| value.spanned(retention));
    table.done();
    Some(Agreement {
        name: agreement_name?,
        parties,
        from: from?,
        until: until?,
        forbids_training: forbids_training?,
        retention: retention?,
    })
}

/// How long a provider keeps what it is sent: `none` or a period.
fn retention(value: Value<'_, '_>) -> Option<String> {
    let text = value.text()?;
    if text == "none" || text.parse::<Period>().is_ok() {
        Some(text.to_owned())
    } else {
        value.bad("is neither `none` nor a period like `30d`")
    }
}

fn prices(value: Value<'_, '_>) -> Option<Prices> {
    let mut table = value.table()?;
    let code = table.need("currency", currency);
    let input = table.need("input_per_million", price);
    let output = table.need("output_per_million", price);
    table.done();
    Some(Prices { currency: code?, input_per_million: input?, output_per_million: output? })
}

fn price(value: Value<'_, '_>) -> Option<String> {
    let given = value.clone();
    let price = decimal(value)?;
    if price.starts_with('-') { given.bad("is negative") } else { Some(price) }
}
