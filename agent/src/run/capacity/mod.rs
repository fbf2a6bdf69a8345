//! How many runs go on at once, what each client may take up, and whose turn it is.

pub(super) mod held;
pub(super) mod lanes;
pub(super) mod limits;
pub(super) mod turn;
