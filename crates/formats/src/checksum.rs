//! The checksum of everything on disk.

/// The checksum of everything on disk: XXH3, 64 bits.
pub fn xxh3(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}
