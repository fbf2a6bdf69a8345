//! Source files as people write them.
