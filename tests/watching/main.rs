//! Watching against real receivers: a server of mail, an Alertmanager, a Prometheus, and the published forms of what no
//! test can call.

#![expect(clippy::disallowed_methods, reason = "these tests start real programs and write their configuration")]

mod field;
mod manager;
mod post;
mod schemas;
mod traces;
