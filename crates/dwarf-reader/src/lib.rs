//! DWARF types, functions and variables of a kernel image, per compilation unit.
