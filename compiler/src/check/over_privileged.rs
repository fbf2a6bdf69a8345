//! `over-privileged`: a connection is granted a scope that no workflow of the client needs.

use assent_schema::code::Code;
use assent_schema::finding::Findings;
use assent_schema::plan::Target;

use super::{Needs, View, hidden};

/// Reports each scope too many, at the scope. A client with a workflow that could not be read is not judged: what that
/// workflow needs is not known.
///
/// # Source
/// language.md section 5: granted scopes equal the union over the client's workflows. Promise P06.
pub(super) fn check(view: &View<'_>, needs: &Needs, findings: &mut Findings) {
    for (id, files) in &view.parsed.clients {
        let Some(unit) = &files.client else { continue };
        if !needs.is_whole() {
            let granted = unit.spec.connections.values().any(|connection| !connection.scopes.is_empty());
            if !granted {
                continue;
            }
            hidden::scopes(id, findings);
            continue;
        }
        for (connection, spec) in &unit.spec.connections {
            for scope in spec.scopes.iter().filter(|scope| !needs.needs(&connection.value, &scope.value)) {
                let message = format!(
                    "`{}` is granted `{}`, but no workflow of `{id}` needs it{}.",
                    connection.value,
                    scope.value,
                    what_for(view, &spec.to, scope.as_str())
                );
                findings.add(Code::OverPrivileged, unit.span(&scope.span), message);
            }
        }
    }
}

/// Which operations of the API the scope is for, so that a reader knows what was once wanted.
fn what_for(view: &View<'_>, target: &Target, scope: &str) -> String {
    let Target::Integration(name) = target else { return String::new() };
    let Some(integration) = view.parsed.integrations.get(name) else { return String::new() };
    let operations = integration.spec.operations.iter().filter(|(_, operation)| operation.scopes.contains(scope));
    let names: Vec<_> = operations.map(|(name, _)| format!("`{}`", name.value)).collect();
    if names.is_empty() { String::new() } else { format!("; it is for {}", names.join(", ")) }
}
