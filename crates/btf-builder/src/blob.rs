//! Sections: in memory of their own, or left where they lie.
//!
//! The base of a module is a few megabytes of a mapped file, of which one module needs little. Copying them takes
//! longer than all that is then done with them, most of it for pages that the system has to hand out. So a section can
//! stay in memory that somebody else keeps, until it is changed.

use std::fmt;
use std::ops::{Deref, DerefMut};

use bytemuck::Pod;
use bytes::Bytes;

/// A section of `T`s.
#[derive(Clone)]
pub(crate) struct Blob<T> {
    /// The section, unless it is shared.
    own: Vec<T>,
    /// The section where it lies: bytes that can be looked at as `T`s.
    shared: Option<Bytes>,
}

impl<T: Pod> Blob<T> {
    /// Leaves `bytes` where they are; `None` if they cannot be looked at as `T`s there.
    pub(crate) fn share(bytes: Bytes) -> Option<Self> {
        bytemuck::try_cast_slice::<u8, T>(&bytes).ok()?;
        Some(Self {
            own: Vec::new(),
            shared: Some(bytes),
        })
    }

    /// The section as a vector, copied first if it is shared.
    #[inline]
    pub(crate) fn to_mut(&mut self) -> &mut Vec<T> {
        if self.shared.is_some() {
            self.unshare();
        }
        &mut self.own
    }

    #[cold]
    fn unshare(&mut self) {
        if let Some(bytes) = self.shared.take() {
            self.own = cast(&bytes).to_vec();
        }
    }
}

/// Bytes as `T`s, which [`Blob::share`] has tried.
#[inline]
fn cast<T: Pod>(bytes: &[u8]) -> &[T] {
    bytemuck::try_cast_slice(bytes).unwrap_or_default()
}

impl<T: Pod> Deref for Blob<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match &self.shared {
            None => &self.own,
            Some(bytes) => cast(bytes),
        }
    }
}

impl<T: Pod> DerefMut for Blob<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.to_mut()
    }
}

impl<T> Default for Blob<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T> From<Vec<T>> for Blob<T> {
    fn from(own: Vec<T>) -> Self {
        Self { own, shared: None }
    }
}

impl<T: Pod + fmt::Debug> fmt::Debug for Blob<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
