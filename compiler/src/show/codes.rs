//! The table of finding codes as text: for `assent explain` and for `docs/findings.md`.

use assent_schema::code::{Code, Severity};
use assent_schema::expr::FUNCTIONS;

/// All codes, one a line.
pub fn list(codes: &[Code]) -> String {
    let width = codes.iter().map(|code| code.row().name.len()).max().unwrap_or(0);
    let line = |code: &Code| format!("{:width$}  {}", code.row().name, code.row().what);
    let lines: Vec<String> = codes.iter().map(line).chain([String::new()]).collect();
    lines.join("\n")
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
