//! The host's own settings: agent.toml.
