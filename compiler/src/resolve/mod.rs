//! Parsed files to resolved workflows: names become references.
