//! What bounds requests and the reading of what others send.

/// The largest body that is sent, in bytes.
pub const BODY_MOST_BYTES: usize = 1024 * 1024;
/// The longest path and query, in bytes; many servers refuse more.
pub const TARGET_MOST_BYTES: usize = 8 * 1024;
/// The longest value of one header that is sent, in bytes.
pub const HEADER_MOST_BYTES: usize = 4 * 1024;
/// The deepest nesting of JSON that is read.
pub const JSON_MOST_DEPTH: usize = 64;
/// The most values in one JSON text that is read; each takes tens of bytes however short its text is.
pub const JSON_MOST_VALUES: usize = 250_000;
/// The longest number that is read, in characters.
pub const NUMBER_MOST_BYTES: usize = 64;
/// The most bytes of one cursor.
pub const CURSOR_MOST_BYTES: usize = 2 * 1024;
