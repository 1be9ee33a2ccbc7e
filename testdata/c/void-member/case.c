// decltype(nullptr) has no BTF type, and a member of type void would be refused by
// the kernel: the member goes, with a warning, and nothing else does (QUIRK-10).
//#needs(gcc): g++
//#sources: case.c null.cc
//#expect: STRUCT 'first' size=4 vlen=1 ('a')
struct first { int a; } first;
//#expect: STRUCT 'null' size=16 vlen=1 ('k' type_id={INT 'int'} bits_offset=64)
//#warn: null
//#run: --features global_var,encode_force
