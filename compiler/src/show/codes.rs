//! The tables of codes as text: for `assent explain`, for `docs/findings.md` and for `docs/failures.md`.

use assent_schema::code::{Code, Severity};
use assent_schema::expr::FUNCTIONS;
use assent_schema::plan::{END_CODES, EndCode};

/// A code that an agent gives in alerts, `status` and ledger.
pub struct AgentCode {
    /// The code.
    pub name: &'static str,
    /// Of what it is said.
    pub of: &'static str,
    /// What it means, as one sentence.
    pub what: &'static str,
    /// What to do.
    pub help: &'static str,
}

/// All codes, one a line: of findings, of runs, of agents.
pub fn list(codes: &[Code], endings: &[EndCode], agents: &[AgentCode]) -> String {
    let (of_findings, of_runs) = (codes.iter().map(|code| code.row().name), endings.iter().map(|end| end.name));
    let names = of_findings.chain(of_runs).chain(agents.iter().map(|code| code.name));
    let width = names.map(str::len).max().unwrap_or(0);
    let line = |name: &str, what: &str| format!("{name:width$}  {what}\n");
    let findings: String = codes.iter().map(|code| line(code.row().name, code.row().what)).collect();
    let runs: String = endings.iter().map(|end| line(end.name, end.what)).collect();
    let agents: String = agents.iter().map(|code| line(code.name, code.what)).collect();
    format!(
        "{findings}\nBy these, attempts fail and runs end:\n\n{runs}\nBy these, agents refuse, cannot pull, or stop:\n\n{agents}"
    )
}

/// One code of an agent in full.
pub fn of_agent(code: &AgentCode) -> String {
    format!("{} ({})\n\n{}\n\nWhat to do: {}\n", code.name, code.of, code.what, code.help)
}

/// One code of a run in full.
pub fn ending(end: &EndCode) -> String {
    format!("{} (a run)\n\n{}\n\nWhat to do: {}\n", end.name, end.what, end.help)
}

/// The page that lists the codes of runs.
pub fn failures() -> String {
    let row = |end: &EndCode| format!("| `{}` | {} | {} |\n", end.name, end.what, end.help);
    let rows: String = END_CODES.iter().map(row).collect();
    format!(
        "# How runs fail\n\n\
         The codes by which attempts fail and runs end, as `assent-agent runs`, the queue, alerts and `assent test` print them;\n\
         `assent explain CODE` prints one. Written by a test from the table in `schema/src/plan/end_codes/table.rs`;\n\
         `UPDATE=1 cargo test -p assent-compiler --test findings` writes it again. Beside these come the codes that the\n\
         `errors` of an operation declare ([language.md](language.md#errors)); which outcome each leads to stands in\n\
         [engine.md](engine.md#3-run).\n\n\
         | code | what happened | what to do |\n|---|---|---|\n{rows}"
    )
}

/// One code in full.
pub fn explained(code: Code) -> String {
    let row = code.row();
    let severity = severity(row.severity);
    let promises = match row.promises {
        [] => String::new(),
        promises => format!("Promises: {}\n", promises.join(", ")),
    };
    let functions = if code == Code::BadExpression { functions() } else { String::new() };
    format!("{} ({severity})\n\n{}\n{}\n\nWhat to do: {}\n{promises}{functions}", row.name, row.what, row.why, row.help)
}

/// What expressions may call, for who writes one.
fn functions() -> String {
    let width = FUNCTIONS.iter().map(|(_, usage, _)| usage.len()).max().unwrap_or(0);
    let lines = FUNCTIONS.iter().map(|(_, usage, gives)| format!("  {usage:width$}  {gives}\n"));
    format!("\nFunctions:\n{}", lines.collect::<String>())
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// The page that lists all codes; `example` gives what a check prints where the code is found.
pub fn page(example: &dyn Fn(Code) -> Option<String>) -> String {
    let mut page = String::from(
        "# Finding codes\n\n\
         What `assent check` can find. Written by a test from the table in `schema/src/code.rs` and from the fixtures in \
         `compiler/tests/findings/`;\n`UPDATE=1 cargo test -p assent-compiler --test findings` writes it again. A code is never renamed or reused.\n",
    );
    for code in Code::ALL {
        let row = code.row();
        let parts = [
            Some(format!("## {}", row.name)),
            Some(format!("{} {}", row.what, row.why)),
            example(*code).map(|shown| format!("```text\n{shown}\n```")),
            Some(format!("**What to do:** {}", row.help)),
            (!row.promises.is_empty()).then(|| format!("Promises: {}.", row.promises.join(", "))),
        ];
        for part in parts.into_iter().flatten() {
            page.push('\n');
            page.push_str(&part);
            page.push('\n');
        }
    }
    page
}
