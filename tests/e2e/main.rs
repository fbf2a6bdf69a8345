//! End-to-end tests against real programs.

mod away;
mod begin;
mod builds;
mod bytes;
mod certificates;
mod chats;
mod console;
mod fleet;
mod holders;
mod kill;
mod oncall;
mod outages;
mod outside;
mod page;
mod passkeys;
mod poke;
mod promises;
mod recover;
mod release;
mod reset;
mod rules;
mod servers;
mod start;
mod told;
mod vault;
mod words;
