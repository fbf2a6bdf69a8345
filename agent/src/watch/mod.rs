//! Alerts and their routes.
