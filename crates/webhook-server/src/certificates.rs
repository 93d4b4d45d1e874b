//! Where the serving certificate comes from.
//!
//! **Self-managed.** All replicas share one certificate authority, which a Secret holds. Each signs
//! a short-lived leaf from it, in memory. The authority is replaced in stages, so that at any moment
//! whatever any replica serves is vouched for by what any API server has read:
//!
//! 1. A `next` authority is written to the Secret. Nobody signs with it.
//! 2. The caBundle of every webhook of ours carries current and next.
//! 3. When all of them have been seen to do so for a settling time, next becomes current and the old
//!    one is retired: its certificate stays in the bundle, its key is forgotten.
//! 4. After the last leaf of the old one has run out, it leaves Secret and bundle.
//!
//! [`decide`] is the whole of the deciding, a pure function; [`keeper`] reads, writes and signs.
//! Every replica does this, led by events; whoever loses a race reads again.
//!
//! **Directory.** [`directory`] serves what somebody else puts there.

pub mod authority;
pub mod certificate;
mod configuration;
pub mod decide;
pub mod directory;
pub mod keeper;
mod secret;
pub mod served;

pub use configuration::ServiceName;
