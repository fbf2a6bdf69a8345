//! `kpi-too-fine` of two workflows: both sum one field. What one workflow alone may not do is a file of `schema::guard`.

use assent_schema::code::Code;
use assent_schema::finding::Findings;

use super::needs::{Needs, Summed};

/// Reports each sum of a field that an earlier workflow of the client sums, at the sum. Two workflows have other runs, whatever
/// their conditions say, and the difference of their sums tells of those that only one of them has.
///
/// # Shape
/// One finding per sum, by workflow and place. Source: language.md section 5. Promise P01.
pub(super) fn check(needs: &Needs, findings: &mut Findings) {
    let mut sums: Vec<&Summed> = needs.sums.iter().collect();
    sums.sort();
    for (number, sum) in sums.iter().enumerate() {
        let mut others = sums.iter().take(number).filter(|other| other.workflow != sum.workflow);
        let shared = others.find_map(|other| Some((other, other.fields.intersection(&sum.fields).next()?)));
        let Some((other, (field, _))) = shared else { continue };
        let message = format!(
            "The KPI `{}` sums `{field}`, and so does `{}` of the workflow `{}`: their difference tells of the runs that only \
             one of them has.",
            sum.kpi.name, other.kpi.name, other.workflow
        );
        let help = "Sum a field in one workflow of a client, and count in the others.";
        findings.add_with_help(Code::KpiTooFine, sum.kpi.span(), message, help);
    }
}
