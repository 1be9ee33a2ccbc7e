//! The kernel's own BTF checks in user space.
