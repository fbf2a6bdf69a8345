//! What kind of place an IP address is. Both sides go by it: the compiler where somebody writes one, the agent just before it
//! connects to one.
//!
//! # Source
//! engine.md section 3, "Requests". IANA special-purpose address registries (RFC 6890 and its updates).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of place an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// On the public internet.
    Public,
    /// Loopback, link-local or private: reached only if the connection says so.
    Private,
    /// Never reached: unspecified, multicast, reserved, documentation, and the metadata services of clouds, which hand
    /// out credentials to whoever asks.
    Never,
}

/// The kind of place that an address is.
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => reach_v6(v6),
    }
}

/// The host of a URL: a name, or an address without brackets.
pub fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    }
}

/// The kind of place that a host is by its spelling alone: an address, or this host itself. Where any other name leads only a
/// resolver knows.
pub fn reach_of_host(host: &str) -> Option<Reach> {
    match host.parse() {
        Ok(address) => Some(reach(address)),
        Err(_) if host == "localhost" || host.ends_with(".localhost") => Some(Reach::Private),
        Err(_) => None,
    }
}

#[expect(
    clippy::match_same_arms,
    clippy::unnested_or_patterns,
    reason = "one block of a registry a line, the narrower first"
)]
fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [169, 254, 169, 254] | [100, 100, 100, 200] => Reach::Never,
        [10 | 127, ..] | [100, 64..=127, ..] | [169, 254, ..] | [172, 16..=31, ..] | [192, 168, ..] => Reach::Private,
        [0, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [224..=255, ..] => Reach::Never,
        _ => Reach::Public,
    }
}

#[expect(
    clippy::match_same_arms,
    clippy::unnested_or_patterns,
    reason = "one block of a registry a line, the narrower first"
)]
fn reach_v6(address: Ipv6Addr) -> Reach {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        reach_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Private,
        // Addresses that carry an IPv4 address lead to that one: mapped, and through a NAT64 gateway.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        // The metadata service of a large cloud, in the middle of the private range.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => Reach::Never,
        [0xfc00..=0xfdff, ..] | [0xfe80..=0xfebf, ..] => Reach::Private,
        // Teredo, ORCHID and other special blocks, 6to4, documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => Reach::Never,
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: Reach) {
        assert_eq!(reach(text.parse().unwrap()), wanted, "{text}");
    }

    #[test]
    fn public_addresses_are_public() {
        for text in
            ["1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111", "2a00:1450::1", "64:ff9b::101:101"]
        {
            check(text, Reach::Public);
        }
    }

    #[test]
    fn private_addresses_are_private_in_every_spelling() {
        for text in [
            "127.0.0.1",
            "127.255.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "::1",
            "fd12::1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
            "64:ff9b::7f00:1",
        ] {
            check(text, Reach::Private);
        }
    }

    #[test]
    fn what_is_no_host_is_never_reached() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "255.255.255.255",
            "224.0.0.1",
            "240.0.0.1",
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.9",
            "198.18.0.1",
            "192.0.0.8",
            "::",
            "ff02::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2001::1",
            "fec0::1",
            "100::1",
            "::127.0.0.1",
            "5f00::1",
            "64:ff9b:1::1",
        ] {
            check(text, Reach::Never);
        }
    }

    #[test]
    fn metadata_services_are_never_reached() {
        for text in ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "100.100.100.200"] {
            check(text, Reach::Never);
        }
    }

    #[test]
    fn hosts_of_urls_are_addresses_or_names() {
        let host = |url: &str| host_of(url).map(reach_of_host);
        for (url, wanted) in [
            ("https://a.example:8443/x", Some(None)),
            ("http://127.0.0.1:4567", Some(Some(Reach::Private))),
            ("https://10.0.0.1/v1", Some(Some(Reach::Private))),
            ("http://localhost:1/a", Some(Some(Reach::Private))),
            ("https://[fd12::1]:443", Some(Some(Reach::Private))),
            ("https://[2606:4700::1111]/x", Some(Some(Reach::Public))),
            ("https://169.254.169.254", Some(Some(Reach::Never))),
            ("127.0.0.1", None),
        ] {
            assert_eq!(host(url), wanted, "{url}");
        }
    }
}
