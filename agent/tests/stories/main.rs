//! Scenarios on the real engine, on machines that die, lose their keys, or have a wrong clock.

mod again;
mod answers;
mod cache;
mod canary;
mod crash;
mod guards;
mod held;
mod holders;
mod jobs;
mod keys;
mod money;
mod outside;
mod paced;
mod pages;
mod private;
mod rests;
mod rotation;
mod seeds;
mod sender;
mod shadow;
mod skipped;
mod spend;
mod story;
mod tokens;
mod told;
mod walk;
