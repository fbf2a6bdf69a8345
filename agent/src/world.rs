//! Traits for all that is outside: clock, dice, network, disk, git.
