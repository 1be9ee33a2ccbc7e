//! The verbs of `splitbtf`.

pub(crate) mod diff;
pub(crate) mod dump;
pub(crate) mod encode;
pub(crate) mod explain;
pub(crate) mod size;
pub(crate) mod verify;
