//! Business hours and holidays in a client's zone.
