//! Which addresses may be connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

type Ipv4Range = (Ipv4Addr, u32);
type Ipv6Range = (Ipv6Addr, u32);

/// IANA IPv4 Special-Purpose Address Registry (RFC 6890), multicast (RFC 5771) and the reserved rest. The few globally
/// reachable addresses within these ranges are anycast services that serve no web pages.
const NOT_PUBLIC_V4: [Ipv4Range; 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),          // "this network", RFC 791
    (Ipv4Addr::new(10, 0, 0, 0), 8),         // private use, RFC 1918
    (Ipv4Addr::new(100, 64, 0, 0), 10),      // carrier-grade NAT, RFC 6598
    (Ipv4Addr::new(127, 0, 0, 0), 8),        // loopback, RFC 1122
    (Ipv4Addr::new(168, 63, 129, 16), 32),   // not IANA's: Azure's host agent, at the same address on every machine
    (Ipv4Addr::new(169, 254, 0, 0), 16),     // link-local, RFC 3927: instance metadata, ECS credentials
    (Ipv4Addr::new(172, 16, 0, 0), 12),      // private use, RFC 1918
    (Ipv4Addr::new(192, 0, 0, 0), 24),       // IETF protocol assignments, RFC 6890
    (Ipv4Addr::new(192, 0, 2, 0), 24),       // documentation, RFC 5737
    (Ipv4Addr::new(192, 88, 99, 0), 24),     // 6to4 relay anycast, RFC 7526
    (Ipv4Addr::new(192, 168, 0, 0), 16),     // private use, RFC 1918
    (Ipv4Addr::new(198, 18, 0, 0), 15),      // benchmarking, RFC 2544
    (Ipv4Addr::new(198, 51, 100, 0), 24),    // documentation, RFC 5737
    (Ipv4Addr::new(203, 0, 113, 0), 24),     // documentation, RFC 5737
    (Ipv4Addr::new(224, 0, 0, 0), 4),        // multicast, RFC 5771
    (Ipv4Addr::new(240, 0, 0, 0), 4),        // reserved, RFC 1112
    (Ipv4Addr::new(255, 255, 255, 255), 32), // limited broadcast, RFC 919
];

/// All that IANA has given out as global unicast (RFC 4291, section 2.4). Loopback, IPv4-compatible, unique-local (with
/// AWS's metadata at fd00:ec2::254), link-local, multicast, discard-only and SRv6 addresses all lie outside.
const GLOBAL_UNICAST: Ipv6Range = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// IANA IPv6 Special-Purpose Address Registry: what of it lies within [`GLOBAL_UNICAST`].
const NOT_PUBLIC_V6: [Ipv6Range; 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // IETF protocol assignments, RFC 2928: Teredo, ORCHID and others
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation, RFC 3849
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4, RFC 3056: tunnels to any IPv4 address
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation, RFC 9637
];

/// The well-known prefix of NAT64 (RFC 6052, section 2.1), which stands for the IPv4 address in its last 32 bits. That
/// of RFC 8215 (64:ff9b:1::/48) is for local use, and not global unicast.
const NAT64: Ipv6Range = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Which addresses may be connected to: the public ones and, for tests and development, a few exceptions.
///
/// As text (the variable `FETCH_ALLOW`) it is the list of exceptions: nothing, or addresses with ports, separated by
/// commas, such as `127.0.0.1:8000,[::1]:8000`. Host names are not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressPolicy {
    allowed: Arc<[SocketAddr]>,
}

/// An exception to an [`AddressPolicy`] that is not an address with a port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{entry}` is not an address with a port, such as 127.0.0.1:8000 or [::1]:8000.")]
pub struct InvalidAddress {
    /// What stands in the list.
    pub entry: String,
}

impl AddressPolicy {
    /// Addresses that are globally reachable by the special-purpose address registries of IANA for
    /// [IPv4](https://www.iana.org/assignments/iana-ipv4-special-registry) and
    /// [IPv6](https://www.iana.org/assignments/iana-ipv6-special-registry), and no others. An IPv6 address that stands
    /// for an IPv4 address (IPv4-mapped, NAT64) is judged as that one.
    pub fn public_only() -> Self {
        Self { allowed: Arc::default() }
    }

    /// The same policy with exceptions, each an address *and* a port. For tests and development only: whoever may name
    /// a URL can read what answers there.
    pub fn with_allowed(self, exceptions: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self { allowed: self.allowed.iter().copied().chain(exceptions).collect() }
    }

    /// Whether `address` is one of the exceptions.
    pub fn excepts(&self, address: SocketAddr) -> bool {
        self.allowed.contains(&address)
    }

    /// Whether a connection to `address` may be made.
    pub fn permits(&self, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        let is_exception = |a: &SocketAddr| a.ip().to_canonical() == ip && a.port() == address.port();
        is_public(ip) || self.allowed.iter().any(is_exception)
    }
}

impl Default for AddressPolicy {
    fn default() -> Self {
        Self::public_only()
    }
}

impl FromStr for AddressPolicy {
    type Err = InvalidAddress;

    fn from_str(list: &str) -> Result<Self, InvalidAddress> {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let parsed = entries.map(|entry| entry.parse().map_err(|_| InvalidAddress { entry: entry.to_owned() }));
        Ok(Self { allowed: parsed.collect::<Result<_, _>>()? })
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => !NOT_PUBLIC_V4.iter().any(|range| contains_v4(*range, ip)),
        IpAddr::V6(ip) if contains_v6(NAT64, ip) => {
            let [.., a, b, c, d] = ip.octets();
            is_public(IpAddr::from([a, b, c, d]))
        }
        IpAddr::V6(ip) => contains_v6(GLOBAL_UNICAST, ip) && !NOT_PUBLIC_V6.iter().any(|range| contains_v6(*range, ip)),
    }
}

fn contains_v4((network, prefix): Ipv4Range, ip: Ipv4Addr) -> bool {
    (network.to_bits() ^ ip.to_bits()).leading_zeros() >= prefix
}

fn contains_v6((network, prefix): Ipv6Range, ip: Ipv6Addr) -> bool {
    (network.to_bits() ^ ip.to_bits()).leading_zeros() >= prefix
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The ranges once more, as first and last address: written down by hand, so that a slip in a prefix shows.
    const PRIVATE: [(&str, &str); 16] = [
        ("0.0.0.0", "0.255.255.255"),
        ("10.0.0.0", "10.255.255.255"),
        ("100.64.0.0", "100.127.255.255"),
        ("127.0.0.0", "127.255.255.255"),
        ("168.63.129.16", "168.63.129.16"),
        ("169.254.0.0", "169.254.255.255"),
        ("172.16.0.0", "172.31.255.255"),
        ("192.0.0.0", "192.0.0.255"),
        ("192.0.2.0", "192.0.2.255"),
        ("192.88.99.0", "192.88.99.255"),
        ("192.168.0.0", "192.168.255.255"),
        ("198.18.0.0", "198.19.255.255"),
        ("198.51.100.0", "198.51.100.255"),
        ("203.0.113.0", "203.0.113.255"),
        ("224.0.0.0", "239.255.255.255"),
        ("240.0.0.0", "255.255.255.255"),
    ];

    fn bits(address: &str) -> u32 {
        address.parse::<Ipv4Addr>().unwrap().to_bits()
    }

    fn permits(address: &str) -> bool {
        AddressPolicy::public_only().permits(SocketAddr::new(address.parse().unwrap(), 80))
    }

    /// The IPv6 addresses that stand for an IPv4 one.
    fn disguises(ip: Ipv4Addr) -> [IpAddr; 2] {
        let nat64 = NAT64.0.to_bits() | u128::from(ip.to_bits());
        [ip.to_ipv6_mapped().into(), Ipv6Addr::from_bits(nat64).into()]
    }

    proptest! {
        #[test]
        fn a_private_address_is_refused_in_every_disguise(range in 0..PRIVATE.len(), at: prop::sample::Index) {
            let (first, last) = (bits(PRIVATE[range].0), bits(PRIVATE[range].1));
            let ip = Ipv4Addr::from_bits(first + at.index((last - first) as usize + 1) as u32);
            for ip in disguises(ip).into_iter().chain([ip.into()]) {
                prop_assert!(!is_public(ip), "{ip}");
            }
        }

        #[test]
        fn every_address_is_judged_alike_in_every_disguise(ip: u32) {
            let ip = Ipv4Addr::from_bits(ip);
            let listed = PRIVATE.iter().any(|(first, last)| (bits(first)..=bits(last)).contains(&ip.to_bits()));
            for judged in disguises(ip).into_iter().chain([ip.into()]) {
                prop_assert_eq!(is_public(judged), !listed, "{}", judged);
            }
        }

        #[test]
        fn nothing_outside_global_unicast_is_public(ip: u128) {
            let ip = Ipv6Addr::from_bits(ip);
            prop_assume!(ip.to_ipv4_mapped().is_none() && !contains_v6(NAT64, ip));
            prop_assert!(!is_public(ip.into()) || (0x2000..0x4000).contains(&ip.segments()[0]));
        }
    }

    #[test]
    fn ranges_end_where_they_should() {
        for (first, last) in PRIVATE {
            assert!(!permits(first) && !permits(last), "{first} to {last}");
        }
        for neighbour in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
        ] {
            assert!(permits(neighbour), "{neighbour}");
        }
    }

    #[test]
    fn special_ipv6_addresses_are_refused() {
        for address in [
            "::",
            "::1",
            "::7f00:1",
            "::ffff:0:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "64:ff9b:1::808:808",
            "64:ff9b:0:1::808:808",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:1::1",
            "2001:2::1",
            "2001:20::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "3fff::1",
            "3fff:fff:ffff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!permits(address), "{address}");
        }
        for address in [
            "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2003::1",
            "2001:db7:ffff::1",
            "2001:db9::1",
            "3fff:1000::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(permits(address), "{address}");
        }
    }

    #[test]
    fn an_exception_is_one_address_and_one_port() {
        let policy: AddressPolicy = "127.0.0.1:8000, [::1]:9000,".parse().unwrap();
        let same = ["127.0.0.1:8000".parse().unwrap(), "[::1]:9000".parse().unwrap()];
        assert_eq!(policy, AddressPolicy::public_only().with_allowed(same));
        for (address, permitted) in [
            ("127.0.0.1:8000", true),
            ("[::ffff:127.0.0.1]:8000", true),
            ("[::1]:9000", true),
            ("8.8.8.8:80", true),
            ("127.0.0.1:8001", false),
            ("127.0.0.2:8000", false),
            ("[::1]:8000", false),
        ] {
            assert_eq!(policy.permits(address.parse().unwrap()), permitted, "{address}");
        }
        assert_eq!("".parse(), Ok(AddressPolicy::public_only()));
        for entry in ["127.0.0.1", "localhost:8000", "10.0.0.0/8", "::1:80"] {
            assert_eq!(entry.parse::<AddressPolicy>(), Err(InvalidAddress { entry: entry.to_owned() }));
        }
    }
}
