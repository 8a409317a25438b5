//! The hash that the layout of tiles needs: the order in which the cells of a frame are read.
//!
//! This crate needs no other hash, so it has its own copy of the finaliser of splitmix64; the module `random` of the
//! kernels is for everything else.

/// The finaliser of splitmix64 (Steele, Lea & Flood 2014), a bijection, so no two numbers
/// collide.
#[inline]
pub(crate) fn order_hash(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
