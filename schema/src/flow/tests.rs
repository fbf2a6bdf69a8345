//! The refund workflow of language.md section 3, and what changes when it is bent.
