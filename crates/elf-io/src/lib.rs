//! ELF input (mapping, decompression, relocations) and in-place write-back of .BTF.
