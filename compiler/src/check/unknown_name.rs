//! `unknown-name`: a contact whom nobody knows. Other names are looked up where they are resolved; this one may be that of
//! somebody whom only a signed file names.

use std::collections::BTreeSet;

use assent_schema::code::Code;
use assent_schema::finding::{Findings, there_are};
use assent_schema::id::PersonId;
use assent_schema::nearest::nearest;

use super::View;

/// Reports each contact who is neither one of the client's people and approvers nor one of the agency's.
///
/// # Source
/// language.md section 1. Promise P19.
pub(super) fn check(view: &View<'_>, findings: &mut Findings) {
    let Some(roots) = &view.trusted.roots else { return };
    for unit in view.client_files() {
        let client = &unit.spec;
        // Signed files that do not hold were reported; whom they name is not known.
        let Some(statements) = view.trusted.statements.get(&client.name.value) else { continue };
        let own = client.people.keys().map(|person| person.as_str());
        let approvers = statements.approvers().newest().people.keys().map(PersonId::as_str);
        let agency = roots.newest().people.keys().map(PersonId::as_str);
        let known: BTreeSet<&str> = own.chain(approvers).chain(agency).collect();
        for contact in client.contacts.iter().filter(|contact| !known.contains(contact.as_str())) {
            let message = format!("There is no person `{}` of the client or the agency.", contact.value);
            let near = nearest(contact.as_str(), known.iter().copied()).map(|near| format!("Did you mean `{near}`?"));
            let help = near.or_else(|| there_are(known.iter().copied())).unwrap_or_default();
            findings.add_with_help(Code::UnknownName, unit.span(&contact.span), message, help);
        }
    }
}
