//! What is wrong with the machine or the call; one type, sources kept.
