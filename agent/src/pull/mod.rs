//! Poll, fetch in a child process, read.
