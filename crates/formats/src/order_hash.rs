//! The hash that orders the cells of tiles.

/// The finaliser of splitmix64 (Steele, Lea & Flood 2014), with which the order of tiles is drawn: a
/// bijection, so no two numbers collide.
#[inline]
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
