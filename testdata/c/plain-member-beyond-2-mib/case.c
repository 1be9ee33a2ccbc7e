// A bitfield anywhere in a struct leaves 24 bits for the bit offset of every
// member. One beyond that cannot be expressed: an error, or with encode_force a
// struct without members; never an offset read as a width (QUIRK-13).
struct wide { int a : 3; char pad[2097152]; int z; } *wide;
//#expect: STRUCT 'fine' size=8 vlen=2
struct fine { int a : 3; int b; } *fine;
//#run: --features default
//#expect: STRUCT 'wide' size=2097160 vlen=0
//#warn: wide
//#run: --features var
//#exit: 1
//#warn: wide
