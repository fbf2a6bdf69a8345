//! Five-field crontab to next times, clock changes included.
