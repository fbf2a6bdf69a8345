//! `assent demo`: the main job once, for real, on embedded defaults.

pub mod agency;
pub mod keys;
mod outside;
pub mod source;
mod story;
