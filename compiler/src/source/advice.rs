//! What to do about each reason for which something of a source is not read.

/// A name that is not UTF-8.
pub(super) const NOT_UTF8: &str = "Rename it, in UTF-8.";
/// A name that is kept for others.
pub(super) const RESERVED: &str = "Rename it: git and Windows keep this name for themselves.";
/// A name with `/` or `\\`.
pub(super) const SEPARATED: &str = "Rename it: on other systems this name leads to another folder.";
/// A name with characters that nobody sees.
pub(super) const UNSEEN: &str = "Rename it without the characters that nobody sees.";
/// A path above the limit.
pub(super) const TOO_LONG: &str = "Give it a shorter path: folders and name have at most 1,024 bytes together.";
/// A folder below the limit.
pub(super) const TOO_DEEP: &str = "Move it up: at most 32 folders stand within one another.";
/// More files than the limit.
pub(super) const TOO_MANY: &str = "Take files out: a commit has at most 500,000.";
/// A file of the source above the limit.
pub(super) const TOO_LARGE: &str =
    "Make it smaller, or split what it says; large data stands outside of the repository.";
/// A signature above the limit.
pub(super) const NO_SIGNATURE: &str = "A signature has some hundred bytes: sign the file again.";
/// A large file beside the source, or all of them together.
pub(super) const OUTSIDE: &str = "Keep large files outside of the repository.";
/// A file that rests on something large in a pack.
pub(super) const HEAVY: &str = "Pack the repository anew with `git repack -a -d -F`. Git does not store files like this by itself: find out \
                                who pushed it.";
/// A symbolic link.
pub(super) const LINK: &str = "Replace the link by the file that it leads to.";
/// A submodule.
pub(super) const SUBMODULE: &str =
    "Commit the files themselves; a client's own repository is pinned by `assent trust pin`.";
/// A strange mode.
pub(super) const MODE: &str = "Give it the mode of a plain file, 100644 or 100755.";
/// A tree that git does not write.
pub(super) const TREE: &str = "Git writes no such tree: find out who did, and commit the files anew with git.";
/// Something of a work tree that is no plain file.
pub(super) const NOT_PLAIN: &str = "Replace it by a plain file, or move it out of the folders of the source.";
