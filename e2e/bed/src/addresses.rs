//! Which addresses a bed and its clusters have. Pure arithmetic.
//!
//! A bed has one /16 of 10.0.0.0/8. The first /22 belongs to the bridge, each
//! further /22 to one cluster: its first address is the apiserver's, the
//! others are for pods. The last /22 holds the host's end of the cable, so 62
//! clusters fit.

use std::{fmt, net::Ipv4Addr};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// The first second octet that beds use: 10.213.0.0/16, then upwards.
const FIRST_RANGE: u8 = 213;

/// How many ranges are tried before giving up.
const RANGES: u8 = 40;

/// Addresses in one cluster's /22.
const CLUSTER_ADDRESSES: u32 = 1 << 10;

/// The most clusters that one bed can hold.
pub(crate) const MAX_CLUSTERS: usize = 62;

/// The /16 of one bed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BedRange(u8);

impl BedRange {
    fn all() -> impl Iterator<Item = Self> {
        (FIRST_RANGE..FIRST_RANGE + RANGES).map(Self)
    }

    /// The ranges that a machine with these routes can give to a bed, in the
    /// order in which they are to be tried. A range of which a part is in use
    /// is out; one that only lies within a wider route (a VPN often takes all of
    /// 10.0.0.0/8) is a last resort, because a bed then hides a part of that.
    pub(crate) fn candidates(routes: &[Network]) -> Vec<Self> {
        let (mut ranges, mut covered) = (Vec::new(), Vec::new());
        for range in Self::all() {
            let network = range.network();
            let mut overlapping = routes.iter().filter(|route| route.overlaps(network)).peekable();
            if overlapping.peek().is_none() {
                ranges.push(range);
            } else if overlapping.all(|route| route.prefix < network.prefix) {
                covered.push(range);
            }
        }
        ranges.append(&mut covered);
        ranges
    }

    fn base(self) -> u32 {
        Ipv4Addr::new(10, self.0, 0, 0).to_bits()
    }

    /// The whole range.
    pub(crate) fn network(self) -> Network {
        Network { address: Ipv4Addr::from_bits(self.base()), prefix: 16 }
    }

    /// The bridge's own address: the way from a pod to everything else.
    pub(crate) fn bridge(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base() | 1)
    }

    /// The host's address on the bed's network.
    pub(crate) fn host(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base() | 0xfffe)
    }

    /// Name of the interface on the host. It doubles as the lock of the range:
    /// the kernel lets only one interface have it.
    pub(crate) fn host_interface(self) -> String {
        format!("fcb{}", self.0)
    }

    /// The addresses of the `index`th cluster, counted from 0.
    pub(crate) fn cluster(self, index: usize) -> Result<ClusterAddresses> {
        if index >= MAX_CLUSTERS {
            bail!("a bed holds at most {MAX_CLUSTERS} clusters, and this would be number {}", index + 1);
        }
        let base = self.base() + (u32::try_from(index)? + 1) * CLUSTER_ADDRESSES;
        Ok(ClusterAddresses {
            server: Ipv4Addr::from_bits(base | 1),
            pods: Network { address: Ipv4Addr::from_bits(base), prefix: 22 },
        })
    }
}

/// The addresses of one cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClusterAddresses {
    /// Where the apiserver listens; lies in `pods` and is a pod's gateway.
    pub(crate) server: Ipv4Addr,
    /// The range that pods get their addresses from.
    pub(crate) pods: Network,
}

/// An IPv4 network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) address: Ipv4Addr,
    pub(crate) prefix: u8,
}

impl Network {
    /// Reads a destination as `ip route` prints it: with a prefix, or a bare
    /// address for a single host.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (address, prefix) = text.split_once('/').unwrap_or((text, "32"));
        let network = Self {
            address: address.parse().with_context(|| format!("the address of route {text:?}"))?,
            prefix: prefix.parse().with_context(|| format!("the prefix of route {text:?}"))?,
        };
        if network.prefix > 32 {
            bail!("the prefix of route {text:?} is longer than 32");
        }
        Ok(network)
    }

    /// Whether the two have an address in common.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        let prefix = u32::from(self.prefix.min(other.prefix));
        let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
        self.address.to_bits() & mask == other.address.to_bits() & mask
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        Network::parse(text).unwrap()
    }

    #[test]
    fn clusters_of_a_bed_share_no_address_with_each_other_the_bridge_or_the_host() {
        let range = BedRange::all().next().unwrap();
        let mut taken = vec![
            Network { address: range.bridge(), prefix: 32 },
            Network { address: range.host(), prefix: 32 },
        ];
        for index in 0..MAX_CLUSTERS {
            let cluster = range.cluster(index).unwrap();
            assert!(cluster.pods.overlaps(range.network()), "{} lies outside the bed", cluster.pods);
            assert!(cluster.pods.overlaps(Network { address: cluster.server, prefix: 32 }));
            assert!(taken.iter().all(|other| !other.overlaps(cluster.pods)), "{} is taken", cluster.pods);
            taken.push(cluster.pods);
        }
        assert!(range.cluster(MAX_CLUSTERS).is_err());
    }

    #[test]
    fn ranges_of_two_beds_are_disjoint() {
        let ranges: Vec<_> = BedRange::all().collect();
        for (at, range) in ranges.iter().enumerate() {
            assert!(ranges.iter().skip(at + 1).all(|other| !other.network().overlaps(range.network())));
        }
    }

    #[test]
    fn a_range_in_use_is_out_and_one_within_a_wider_route_comes_last() {
        let first = |routes: &[&str]| {
            let routes: Vec<_> = routes.iter().map(|route| network(route)).collect();
            BedRange::candidates(&routes).first().map(|range| range.network().to_string())
        };
        assert_eq!(first(&["192.168.0.0/16"]).as_deref(), Some("10.213.0.0/16"));
        assert_eq!(first(&["10.213.7.0/24", "10.214.0.0/16"]).as_deref(), Some("10.215.0.0/16"));
        assert_eq!(first(&["10.212.0.0/14"]).as_deref(), Some("10.216.0.0/16"));
        assert_eq!(first(&["10.0.0.0/8", "10.213.7.1"]).as_deref(), Some("10.214.0.0/16"));
        let everything: Vec<_> = BedRange::all().map(BedRange::network).collect();
        assert_eq!(BedRange::candidates(&everything), []);
    }

    #[test]
    fn overlap_is_seen_in_both_directions() {
        assert!(network("10.0.0.0/8").overlaps(network("10.213.0.0/16")));
        assert!(network("10.213.4.1").overlaps(network("10.213.0.0/16")));
        assert!(network("0.0.0.0/0").overlaps(network("10.213.0.0/16")));
        assert!(!network("10.214.0.0/16").overlaps(network("10.213.0.0/16")));
        assert!(Network::parse("10.0.0.0/33").is_err());
    }
}
