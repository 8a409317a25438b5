//! One file per instruction set: the sixteen lanes in its registers, and nothing of any algorithm.
//!
//! Terms: a token (`Scalar`, `Avx2`, `Avx512`, `Neon`) implements `Lanes`. Which of them this CPU may use is decided in `dispatch`.

pub(crate) mod scalar;

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;

/// Writes the operations of a token: each body is one or a few intrinsics of the token's instruction set.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! operations {
    ($(fn $name:ident($($arg:ident: $kind:ty),*) -> $result:ty = $body:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($arg: $kind),*) -> $result {
            // SAFETY: the token exists only on a CPU that has these instructions; see its `new`.
            unsafe { $body }
        }
    )*};
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(crate) use operations;
