//! `provider-agreement`: an AI provider that a client connects has no current agreement that forbids training.

use assent_schema::client::ConnectionTo;
use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::id::ProviderId;

use super::View;

/// Reports each such provider, at each connection to it.
///
/// # Source
/// trust.md section 3. Promises P23, P24.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    for (id, client) in &view.resolved.clients {
        let Some(unit) = view.parsed.clients.get(id).and_then(|files| files.client.as_ref()) else { continue };
        for (connection, facts) in &client.facts.connections {
            let ConnectionTo::Provider { name, .. } = &facts.to else { continue };
            let Some(spec) = unit.spec.connections.get(connection.as_str()) else { continue };
            let Some(wrong) = wrong(view, &facts.to) else { continue };
            let message = format!("`{connection}` leads to the provider `{name}`, but {}.", wrong.why);
            let place = unit.span(&spec.to.span);
            if wrong.may_train {
                findings.add_with_help(Code::ProviderAgreement, place, message, forbids(name));
            } else {
                findings.add(Code::ProviderAgreement, place, message);
            }
        }
    }
}

/// Why an agreement does not stand.
pub(super) struct Wrong {
    why: String,
    /// Whether that is all: by what the catalog says of it, it does not forbid training.
    may_train: bool,
}

/// What is wrong at this instant with the agreement with a provider; nothing where it stands, or where no provider is.
pub(super) fn wrong(view: &View<'_>, to: &ConnectionTo) -> Option<Wrong> {
    let ConnectionTo::Provider { name, agreement, .. } = to else { return None };
    let absent = view.parsed.providers.get(name).is_some_and(|provider| provider.spec.agreement.is_none());
    let why = if absent {
        "there is no agreement with it".to_owned()
    } else if !agreement.forbids_training {
        format!("`{}` does not forbid training on input", agreement.name)
    } else if agreement.from.is_some_and(|from| !view.at.reached(from)) {
        format!("`{}` is not in force yet", agreement.name)
    } else if view.at.reached(agreement.until) {
        format!("`{}` ended {}", agreement.name, agreement.until)
    } else {
        return None;
    };
    Some(Wrong { why, may_train: !absent && !agreement.forbids_training })
}

/// What to do about an agreement of which the catalog says that it does not forbid training.
fn forbids(provider: &ProviderId) -> String {
    format!(
        "If the signed agreement does forbid it, write `forbids_training = true` in `catalog/providers/{provider}.toml`; \
         else agree on one that does, or use another provider."
    )
}
