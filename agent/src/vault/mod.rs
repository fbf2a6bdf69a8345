//! Secrets, by client, connection and slot.
