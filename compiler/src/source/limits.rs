//! How much of a source is read. Each limit is far above what people write and far below what harms the machine.

/// The largest file that the compiler reads, in bytes. A TOML file of this size takes some 120 MB to parse.
pub const FILE_MOST_BYTES: usize = 1 << 20;
/// The largest signature beside a file, in bytes; SSHSIG with a hardware key takes 600.
pub const SIGNATURE_MOST_BYTES: usize = 16 << 10;
/// The most files of a commit, whether the compiler reads them or not.
pub const FILES_MOST: usize = 500_000;
/// The most bytes that are read of one commit: some 250,000 workflows with their scenarios.
pub const TOTAL_MOST_BYTES: usize = 4 << 30;
/// The most folders within one another.
pub const DEPTH_MOST: usize = 32;
/// The longest path, in bytes.
pub const PATH_MOST_BYTES: usize = 1_024;
/// The largest file of a commit that has a tree digest, in bytes: pictures and archives beside the source included. Up to this
/// size they are looked through for secrets.
pub const TREE_FILE_MOST_BYTES: usize = 64 << 20;
