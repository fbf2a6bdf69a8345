//! The expression language: parse, shape, check, flow, evaluate, template.
