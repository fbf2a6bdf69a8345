//! The two conversations: take a branch, give a branch. Pure of transports.
//!
//! One round is enough: all that we have is said at once, so the other side need not be asked which of it it knows.
//!
//! # Source
//! gitprotocol-pack(5), "Reference Discovery", "Packfile Negotiation", "Pushing Data To a Server".

use std::collections::BTreeSet;
use std::io::Read;

use git2::{Oid, Repository};

use super::super::{PullFailure, line, weigh};
use super::packet::{Budget, Packet, Packets, put, put_flush};
use super::{Talk, objects};

/// The most references of the other side.
const REFERENCES_MOST: usize = 100_000;
/// How we name ourselves, without a version: an old agent need not tell.
const AGENT: &str = "agent=assent-agent";
/// The id of nothing.
const NOTHING: &str = "0000000000000000000000000000000000000000";

/// What the other side says first.
#[derive(Debug, Default, PartialEq, Eq)]
struct Advertised {
    references: Vec<(String, Oid)>,
    abilities: BTreeSet<String>,
}

impl Advertised {
    fn read(input: impl Read, budget: &mut Budget) -> Result<Self, PullFailure> {
        let mut packets = Packets::new(input, budget);
        let mut found = Self::default();
        let mut first = true;
        loop {
            let Packet::Data(line) = packets.next()? else { return Ok(found) };
            let line = std::str::from_utf8(&line).or(Err(PullFailure::Garbled))?;
            let line = line.strip_suffix('\n').unwrap_or(line);
            if line.starts_with("ERR ") {
                return Err(PullFailure::NoRepository);
            }
            let line = if first {
                let (line, abilities) = line.split_once('\0').ok_or(PullFailure::Garbled)?;
                found.abilities = abilities.split(' ').map(str::to_owned).collect();
                line
            } else {
                line
            };
            first = false;
            let (id, name) = line.split_once(' ').ok_or(PullFailure::Garbled)?;
            if found.references.len() == REFERENCES_MOST {
                return Err(PullFailure::TooLarge);
            }
            // An empty repository says only what it can do, and shallow ones say more; neither is a reference.
            if name != "capabilities^{}" && id != "shallow" {
                let id = Oid::from_str(id).or(Err(PullFailure::Garbled))?;
                found.references.push((name.to_owned(), id));
            }
        }
    }

    fn tip(&self, reference: &str) -> Option<Oid> {
        self.references.iter().find(|(name, _)| name == reference).map(|(_, id)| *id)
    }

    fn can(&self, ability: &str) -> bool {
        self.abilities.contains(ability)
    }
}

/// Takes a branch into a reference here. Returns the commit that it stands at.
///
/// # Errors
/// [`PullFailure`].
pub(super) fn fetch(
    talk: &mut dyn Talk,
    repository: &Repository,
    (branch, into): (&str, &str),
    known: Option<&str>,
    budget: &mut Budget,
    tell: &mut dyn FnMut(Oid),
) -> Result<String, PullFailure> {
    let said = Advertised::read(talk.hear()?, budget)?;
    let tip = said.tip(&format!("refs/heads/{branch}")).ok_or(PullFailure::NoBranch)?;
    if known == Some(tip.to_string().as_str()) {
        return Ok(tip.to_string());
    }
    tell(tip);
    // A child that was ended may have left one.
    weigh::packs(repository)?;
    let have = objects::have(repository)?;
    if !have.contains(&tip) {
        if !said.can("side-band-64k") {
            return Err(PullFailure::Garbled);
        }
        let answer = talk.ask(wants(&said, tip, &have))?;
        receive(repository, Packets::new(answer, budget))?;
        weigh::packs(repository)?;
        objects::complete(repository, tip)?;
    }
    weigh::commit(repository, tip)?;
    // Forced: quarantine holds whatever the branch holds now.
    repository.reference(into, tip, true, "fetch").or(Err(PullFailure::Broken))?;
    Ok(tip.to_string())
}

/// What is said to be here is said to be cut off there: else a server takes it that all is here that stood before, and leaves out
/// what comes back from there, as with a rollback. One that does not understand that hears of nothing.
fn wants(said: &Advertised, tip: Oid, have: &[Oid]) -> Vec<u8> {
    let have = if said.can("shallow") { have } else { &[] };
    let mut line = format!("want {tip} side-band-64k {AGENT}");
    for ability in ["ofs-delta", "no-progress"].into_iter().filter(|ability| said.can(ability)) {
        line.push(' ');
        line.push_str(ability);
    }
    line.push('\n');
    let mut out = Vec::new();
    put(&mut out, line.as_bytes());
    for id in have {
        put(&mut out, format!("shallow {id}\n").as_bytes());
    }
    put_flush(&mut out);
    for id in have {
        put(&mut out, format!("have {id}\n").as_bytes());
    }
    put(&mut out, b"done\n");
    out
}

/// Reads the answer to [`wants`]: a line for each commit that is common, or one that says that none is; then the pack.
fn receive(repository: &Repository, mut packets: Packets<'_, impl Read>) -> Result<(), PullFailure> {
    let odb = repository.odb().or(Err(PullFailure::Broken))?;
    let mut pack = objects::Incoming::new(&odb)?;
    let mut next = Some(first_of_pack(&mut packets)?);
    while let Some(data) = next {
        match data.split_first() {
            Some((1, bytes)) => pack.take(bytes)?,
            // What the server tells people.
            Some((2, _)) => {}
            Some((3, _)) => return Err(PullFailure::Unreachable),
            _ => return Err(PullFailure::Garbled),
        }
        next = match packets.next()? {
            Packet::Data(data) => Some(data),
            Packet::Flush => None,
        };
    }
    pack.finish()
}

fn first_of_pack(packets: &mut Packets<'_, impl Read>) -> Result<Vec<u8>, PullFailure> {
    for number in 0..=objects::HAVE_MOST {
        match packets.next()? {
            Packet::Data(line) if line.starts_with(b"ACK ") || line.starts_with(b"NAK") => {}
            // The branch moved meanwhile, say; the next look tells.
            Packet::Data(line) if line.starts_with(b"ERR ") => return Err(PullFailure::Unreachable),
            Packet::Data(line) if number > 0 => return Ok(line),
            Packet::Data(_) | Packet::Flush => return Err(PullFailure::Garbled),
        }
    }
    Err(PullFailure::Garbled)
}

/// Gives a branch to the other side, never forced. Returns the commit.
///
/// # Errors
/// [`PullFailure::PushRefused`] when the other side holds commits that are not part of ours, or says no.
pub(super) fn push(
    talk: &mut dyn Talk,
    repository: &Repository,
    (branch, into): (&str, &str),
    budget: &mut Budget,
) -> Result<String, PullFailure> {
    let new = repository.refname_to_id(&format!("refs/heads/{branch}")).or(Err(PullFailure::NoBranch))?;
    let reference = format!("refs/heads/{into}");
    let said = Advertised::read(talk.hear()?, budget)?;
    let old = said.tip(&reference);
    if old == Some(new) {
        return Ok(new.to_string());
    }
    // Servers take what leaves commits out unless they are told otherwise: so we look ourselves.
    let theirs = said.references.iter().map(|(_, id)| *id).collect();
    let mut pack = line::pack(repository, new, old, &theirs)?;
    if !said.can("report-status") {
        return Err(PullFailure::Garbled);
    }
    let before = old.map_or_else(|| NOTHING.to_owned(), |old| old.to_string());
    let mut question = Vec::new();
    put(&mut question, format!("{before} {new} {reference}\0report-status {AGENT}").as_bytes());
    put_flush(&mut question);
    let mut written = git2::Buf::new();
    pack.write_buf(&mut written).or(Err(PullFailure::Broken))?;
    question.extend_from_slice(&written);
    taken(&reference, Packets::new(talk.ask(question)?, budget))?;
    Ok(new.to_string())
}

/// Reads the report of the other side.
fn taken(reference: &str, mut packets: Packets<'_, impl Read>) -> Result<(), PullFailure> {
    let wanted = format!("ok {reference}");
    let (mut unpacked, mut ok) = (false, false);
    while let Packet::Data(line) = packets.next()? {
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        unpacked |= line == b"unpack ok";
        ok |= line == wanted.as_bytes();
    }
    if unpacked && ok { Ok(()) } else { Err(PullFailure::PushRefused) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1111111111111111111111111111111111111111";

    fn advertised(lines: &[&str]) -> Result<Advertised, PullFailure> {
        let mut text = Vec::new();
        for line in lines {
            put(&mut text, line.as_bytes());
        }
        put_flush(&mut text);
        Advertised::read(text.as_slice(), &mut Budget::new(1 << 20))
    }

    #[test]
    fn references_and_abilities_are_read() {
        let first = format!("{ID} HEAD\0side-band-64k ofs-delta agent=git/2\n");
        let said = advertised(&[&first, &format!("{ID} refs/heads/main\n"), &format!("shallow {ID}")]).unwrap();
        assert_eq!(said.tip("refs/heads/main"), Some(Oid::from_str(ID).unwrap()));
        assert_eq!(said.tip("refs/heads/mai"), None);
        assert!(said.can("ofs-delta") && !said.can("multi_ack"));
        let empty = advertised(&[&format!("{NOTHING} capabilities^{{}}\0report-status\n")]).unwrap();
        assert!(empty.references.is_empty() && empty.can("report-status"));
    }

    #[test]
    fn what_is_here_is_said_to_be_cut_off_or_not_at_all() {
        let id = Oid::from_str(ID).unwrap();
        let asked = |abilities: &str| {
            let said = advertised(&[&format!("{ID} refs/heads/main\0{abilities}\n")]).unwrap();
            String::from_utf8(wants(&said, id, &[id])).unwrap()
        };
        let whole = asked("side-band-64k shallow");
        let (before, after) = whole.split_once("0000").unwrap();
        assert!(before.contains(&format!("shallow {ID}\n")) && after.contains(&format!("have {ID}\n")), "{whole}");
        assert!(!asked("side-band-64k").contains("have"));
    }

    #[test]
    fn what_is_no_advertisement_is_garbled() {
        for bad in ["no id", &format!("{ID} HEAD"), "zz refs/heads/main\0x", "version 2\n"] {
            assert_eq!(advertised(&[bad]), Err(PullFailure::Garbled), "{bad}");
        }
        assert_eq!(advertised(&["ERR no such repository\n"]), Err(PullFailure::NoRepository));
    }

    #[test]
    fn a_line_comes_for_each_commit_that_is_common() {
        let first = |lines: &[&[u8]]| {
            let mut text = Vec::new();
            for line in lines {
                put(&mut text, line);
            }
            put_flush(&mut text);
            first_of_pack(&mut Packets::new(text.as_slice(), &mut Budget::new(1 << 10)))
        };
        let ack = format!("ACK {ID}\n").into_bytes();
        assert_eq!(first(&[b"NAK\n", b"\x01PACK"]), Ok(b"\x01PACK".to_vec()));
        assert_eq!(first(&[&ack, &ack, &ack, b"\x02words"]), Ok(b"\x02words".to_vec()));
        assert_eq!(first(&[b"\x01PACK"]), Err(PullFailure::Garbled));
        assert_eq!(first(&[&ack]), Err(PullFailure::Garbled));
        assert_eq!(first(&[b"ERR not our ref\n"]), Err(PullFailure::Unreachable));
    }

    #[test]
    fn only_a_whole_report_means_taken() {
        let report = |lines: &[&str]| {
            let mut text = Vec::new();
            for line in lines {
                put(&mut text, line.as_bytes());
            }
            put_flush(&mut text);
            taken("refs/heads/a", Packets::new(text.as_slice(), &mut Budget::new(1 << 10)))
        };
        assert_eq!(report(&["unpack ok\n", "ok refs/heads/a\n"]), Ok(()));
        for bad in [&["unpack ok\n"][..], &["ok refs/heads/a\n"], &["unpack ok\n", "ng refs/heads/a hook\n"], &[]] {
            assert_eq!(report(bad), Err(PullFailure::PushRefused), "{bad:?}");
        }
    }
}
