// On a big-endian machine bits count from the most significant one of the unit.
//#targets: s390x
//#dwarf: 2 3 4 5
//#expect: STRUCT 'plain' size=8 vlen=4
//#expect:   'a' bits_offset=0 bitfield_size=3
//#expect:   'b' bits_offset=3 bitfield_size=7
//#expect:   'c' bits_offset=10 bitfield_size=5
//#expect:   'after' bits_offset=32
struct plain { unsigned a : 3, b : 7; int c : 5; int after; } plain;
//#expect: STRUCT 'crossing' size=6 vlen=3
//#expect:   'a' bits_offset=0 bitfield_size=7
//#expect:   'b' bits_offset=7 bitfield_size=30
//#expect:   'c' bits_offset=37 bitfield_size=9
struct crossing { unsigned a : 7, b : 30, c : 9; } __attribute__((packed)) crossing;
//#expect: UNION 'u' size=4 vlen=3 ('low' bits_offset=0 bitfield_size=4) ('lower' bits_offset=0 bitfield_size=9) ('whole' bits_offset=0)
union u { unsigned low : 4; int lower : 9; int whole; } u;
