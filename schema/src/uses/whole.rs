//! What a data use must say, by its kind: one that leaves it out covers nothing, and whoever signs it would read a sentence
//! with a hole.

use super::{DataUse, UseKind};

impl DataUse {
    /// What its kind needs and it leaves out; nothing when it is whole.
    ///
    /// # Source
    /// formats.md section 3, "Statements".
    pub fn lacks(&self) -> Option<&'static str> {
        let of_workflow = [("workflow", self.workflow.is_some()), ("purpose", self.purpose.is_some())];
        let between = [("from", self.from.is_some()), ("to", self.to.is_some())];
        let by = [("operation", self.operation.is_some()), ("effect", self.effect.is_some())];
        // None is a list without anything in it: else one use would have two spellings, and a digest name one of them.
        let allowed = [("scopes", self.scopes.is_some())];
        let released = [("bits", self.bits.is_some()), ("releases", !self.releases.is_empty())];
        let all = of_workflow.into_iter();
        let needed: Vec<(&'static str, bool)> = match self.kind {
            // What comes with an event comes by no operation.
            UseKind::Show => all.chain(between).collect(),
            UseKind::Read => all.chain(between).chain(allowed).collect(),
            UseKind::Ask => all.chain(between).chain(by.into_iter().take(1)).chain(allowed).collect(),
            UseKind::Cache => all.chain(between).chain(by.into_iter().take(1)).collect(),
            UseKind::Effect => all.chain(between).chain(by).chain(allowed).collect(),
            UseKind::Release => all.chain(released).collect(),
            UseKind::Guardrail => return self.guardrail_lacks(),
        };
        needed.into_iter().find(|(_, is_there)| !is_there).map(|(key, _)| key)
    }

    /// What it says though its kind says nothing of it; nothing when all belongs.
    ///
    /// # Source
    /// formats.md section 3, "Statements": a use has one spelling.
    pub fn idles(&self) -> Option<&'static str> {
        let takes_scopes = matches!(self.kind, UseKind::Read | UseKind::Ask | UseKind::Effect);
        (!takes_scopes && self.scopes.is_some()).then_some("scopes")
    }

    /// A guardrail is of a workflow: who decides, or what is asked for, heard and opened; or of the client: a limit on an
    /// operation, or how long things are kept.
    fn guardrail_lacks(&self) -> Option<&'static str> {
        let of_catalog = !self.requests.is_empty() || !self.events.is_empty() || self.opens.is_some();
        let lacks = |key, is_there: bool| (!is_there).then_some(key);
        if self.workflow.is_some() {
            return lacks("purpose", self.purpose.is_some()).or_else(|| lacks("to", self.to.is_some() || of_catalog));
        }
        if of_catalog || !self.deciders.is_empty() || self.purpose.is_some() {
            return Some("workflow");
        }
        if self.guardrail.is_some() || self.operation.is_some() || self.to.is_some() {
            return lacks("operation", self.operation.is_some())
                .or_else(|| lacks("guardrail", self.guardrail.is_some()))
                .or_else(|| lacks("to", self.to.is_some()));
        }
        lacks("retention", self.retention.is_some()).or_else(|| lacks("stale_limit", self.stale_limit.is_some()))
    }
}

impl UseKind {
    /// The kind as files spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Effect => "effect",
            Self::Ask => "ask",
            Self::Show => "show",
            Self::Cache => "cache",
            Self::Release => "release",
            Self::Guardrail => "guardrail",
        }
    }
}
