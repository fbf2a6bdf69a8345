//! Which addresses a connection may reach. Pure; the resolver asks for every address just before it connects to it.
//!
//! # Source
//! engine.md section 3, "Requests".

use std::net::IpAddr;

pub use assent_schema::reach::{Reach, reach};

/// What decides which addresses a connection may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reachable {
    /// Whether the connection says that it leads to private addresses.
    pub private_addresses: bool,
    /// Whether it is made with TLS. Without it only private addresses are reached.
    pub tls: bool,
}

/// Whether an address may be reached by a connection.
pub fn may_reach(address: IpAddr, by: Reachable) -> bool {
    match reach(address) {
        Reach::Public => by.tls,
        Reach::Private => by.private_addresses,
        Reach::Never => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_services_are_never_reached() {
        for text in ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200"] {
            assert_eq!(reach(text.parse().unwrap()), Reach::Never, "{text}");
            assert!(!may_reach(text.parse().unwrap(), Reachable { private_addresses: true, tls: true }));
        }
    }

    #[test]
    fn plain_http_reaches_private_addresses_alone() {
        let (public, private) = ("1.1.1.1".parse().unwrap(), "127.0.0.1".parse().unwrap());
        let [neither, with_tls, to_private] = [(false, false), (false, true), (true, false)]
            .map(|(private_addresses, tls)| Reachable { private_addresses, tls });
        assert!(may_reach(public, with_tls) && !may_reach(public, to_private));
        assert!(may_reach(private, to_private) && !may_reach(private, neither));
        assert!(!may_reach(private, with_tls));
    }
}
