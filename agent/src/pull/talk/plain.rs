//! A plain connection to a git daemon, `git://`.
//!
//! # Source
//! gitprotocol-pack(5), "Git Transport".

use std::io::{Read, Write as _};
use std::net::TcpStream;

use super::super::PullFailure;
use super::packet::put;
use super::{Service, Talk};
use crate::config::Place;

/// The port of git daemons.
const PORT: u16 = 9418;

/// A connection to a git daemon.
pub(super) struct Plain(TcpStream);

impl Plain {
    /// Connects and says what is wanted.
    pub(super) fn connect(place: &Place, service: Service) -> Result<Self, PullFailure> {
        let unreachable = |_| PullFailure::Unreachable;
        let mut stream = TcpStream::connect((place.host.as_str(), place.port.unwrap_or(PORT))).map_err(unreachable)?;
        let mut line = Vec::new();
        let asked = format!("{} {}\0host={}\0", service.program(), place.path, place.authority());
        put(&mut line, asked.as_bytes());
        stream.write_all(&line).map_err(unreachable)?;
        Ok(Self(stream))
    }
}

impl Talk for Plain {
    fn hear(&mut self) -> Result<Box<dyn Read + '_>, PullFailure> {
        Ok(Box::new(&mut self.0))
    }

    fn ask(&mut self, question: Vec<u8>) -> Result<Box<dyn Read + '_>, PullFailure> {
        self.0.write_all(&question).or(Err(PullFailure::Unreachable))?;
        Ok(Box::new(&mut self.0))
    }
}
