//! Addresses of pods.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Error, Result, bail};

/// An IPv4 network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cidr {
    network: u32,
    pub(crate) prefix: u8,
}

impl Cidr {
    /// Addresses that a pod may have: all but network and broadcast address.
    fn hosts(self) -> std::ops::Range<u32> {
        let size = 1_u32.checked_shl(u32::from(32 - self.prefix)).map_or(u32::MAX, |size| size - 1);
        self.network + 1..self.network.saturating_add(size)
    }
}

impl FromStr for Cidr {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (address, prefix) =
            text.split_once('/').context("expected ADDRESS/PREFIX, for example 10.213.64.0/18")?;
        let address: Ipv4Addr = address.parse().context("the part before the slash is no IPv4 address")?;
        let prefix: u8 = prefix.parse().context("the part after the slash is no number")?;
        if !(1..=30).contains(&prefix) {
            bail!("a prefix between 1 and 30 is needed, {prefix} was given");
        }
        let mask = u32::MAX << (32 - prefix);
        Ok(Self { network: u32::from(address) & mask, prefix })
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", Ipv4Addr::from(self.network), self.prefix)
    }
}

/// The addresses of one pod network; given out in turn, so that an address
/// rests before it is used again.
#[derive(Debug)]
pub(crate) struct AddressPool {
    cidr: Cidr,
    next: u32,
    used: BTreeSet<u32>,
}

/// Shared by all pods of a kubelet.
pub(crate) type SharedPool = Arc<Mutex<AddressPool>>;

/// An address that goes back into the pool when dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    pool: SharedPool,
    address: Ipv4Addr,
}

impl Lease {
    /// Takes an address; `wanted` (the one a pod had under an earlier kubelet)
    /// if it is free.
    ///
    /// # Errors
    /// All addresses are in use.
    pub(crate) fn take(pool: &SharedPool, wanted: Option<Ipv4Addr>) -> Result<Self> {
        let address = lock(pool).take(wanted.map(u32::from))?;
        Ok(Self { pool: Arc::clone(pool), address })
    }

    /// The address.
    pub(crate) fn address(&self) -> Ipv4Addr {
        self.address
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        lock(&self.pool).used.remove(&u32::from(self.address));
    }
}

fn lock(pool: &SharedPool) -> std::sync::MutexGuard<'_, AddressPool> {
    pool.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AddressPool {
    /// A pool over `cidr` that never gives out `reserved` (the bridge).
    pub(crate) fn new(cidr: Cidr, reserved: Ipv4Addr) -> SharedPool {
        let next = cidr.hosts().start;
        Arc::new(Mutex::new(Self { cidr, next, used: BTreeSet::from([u32::from(reserved)]) }))
    }

    fn take(&mut self, wanted: Option<u32>) -> Result<Ipv4Addr> {
        let hosts = self.cidr.hosts();
        let is_free = |pool: &Self, address: &u32| !pool.used.contains(address);
        let wanted = wanted.filter(|address| hosts.contains(address) && is_free(self, address));
        let address = match wanted {
            Some(address) => address,
            None => {
                let in_turn = (self.next..hosts.end).chain(hosts.start..self.next);
                let Some(address) = in_turn.into_iter().find(|address| is_free(self, address)) else {
                    bail!("no free pod address in {}", self.cidr);
                };
                self.next = address + 1;
                address
            }
        };
        self.used.insert(address);
        Ok(Ipv4Addr::from(address))
    }
}

/// The hardware address for an IP: derived, so that neighbours' caches stay
/// right when an address gets a new owner.
pub(crate) fn hardware_address(ip: Ipv4Addr) -> String {
    let [a, b, c, d] = ip.octets();
    format!("0a:58:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(cidr: &str) -> SharedPool {
        AddressPool::new(cidr.parse().unwrap(), Ipv4Addr::new(10, 0, 0, 1))
    }

    fn last_octets(leases: &[Lease]) -> Vec<u8> {
        leases.iter().map(|lease| lease.address().octets()[3]).collect()
    }

    #[test]
    fn gives_every_host_address_once_and_not_the_bridge() {
        let pool = pool("10.0.0.0/29");
        let leases: Vec<_> = (0..5).map(|_| Lease::take(&pool, None).unwrap()).collect();
        assert_eq!(last_octets(&leases), [2, 3, 4, 5, 6]);
        assert!(Lease::take(&pool, None).unwrap_err().to_string().contains("10.0.0.0/29"));
    }

    #[test]
    fn a_returned_address_rests_until_the_others_were_used() {
        let pool = pool("10.0.0.0/29");
        drop(Lease::take(&pool, None).unwrap());
        let leases: Vec<_> = (0..5).map(|_| Lease::take(&pool, None).unwrap()).collect();
        assert_eq!(last_octets(&leases), [3, 4, 5, 6, 2]);
    }

    #[test]
    fn a_pod_gets_its_old_address_back_if_it_is_free_and_ours() {
        let pool = pool("10.0.0.0/24");
        let old = Ipv4Addr::new(10, 0, 0, 77);
        let kept = Lease::take(&pool, Some(old)).unwrap();
        assert_eq!(kept.address(), old);
        assert_ne!(Lease::take(&pool, Some(old)).unwrap().address(), old);
        let foreign = Ipv4Addr::new(10, 9, 9, 9);
        assert_ne!(Lease::take(&pool, Some(foreign)).unwrap().address(), foreign);
    }

    #[test]
    fn a_wrong_cidr_is_explained() {
        for text in ["10.0.0.0", "x/16", "10.0.0.0/x", "10.0.0.0/31", "10.0.0.0/0"] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
        assert_eq!("10.1.2.3/16".parse::<Cidr>().unwrap().to_string(), "10.1.0.0/16");
    }
}
