//! Bytes of a release to a verified bundle; pure.
