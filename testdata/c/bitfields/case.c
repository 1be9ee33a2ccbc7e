// Offsets and widths of bitfields are the same from every DWARF version, whichever
// attribute expresses them (DW_AT_bit_offset, DW_AT_data_bit_offset).
//#dwarf: 2 3 4 5
//#expect: STRUCT 'plain' size=8 vlen=4
//#expect:   'a' type_id={INT 'unsigned int'} bits_offset=0 bitfield_size=3
//#expect:   'b' type_id={INT 'unsigned int'} bits_offset=3 bitfield_size=7
//#expect:   'c' type_id={INT 'int'} bits_offset=10 bitfield_size=5
//#expect:   'after' type_id={INT 'int'} bits_offset=32
struct plain { unsigned a : 3, b : 7; int c : 5; int after; } plain;

// The unit of a packed bitfield can span two words of its type.
//#expect: STRUCT 'crossing' size=6 vlen=3
//#expect:   'a' bits_offset=0 bitfield_size=7
//#expect:   'b' bits_offset=7 bitfield_size=30
//#expect:   'c' bits_offset=37 bitfield_size=9
struct crossing { unsigned a : 7, b : 30, c : 9; } __attribute__((packed)) crossing;

//#expect: STRUCT 'long_ones' size=16 vlen=3 ('a' bits_offset=0 bitfield_size=40) ('b' bits_offset=64 bitfield_size=33) ('c' bits_offset=97 bitfield_size=1)
struct long_ones { unsigned long long a : 40, b : 33, c : 1; } long_ones;

enum e { X, Y, Z };
typedef enum e e_t;
//#expect: STRUCT 'mixed' vlen=5
//#expect:   'flag' type_id={INT '_Bool'} bits_offset=0 bitfield_size=1
//#expect:   'e' type_id={ENUM 'e'} bits_offset=1 bitfield_size=2
//#expect:   't' type_id={TYPEDEF 'e_t'} bits_offset=3 bitfield_size=2
//#expect:   'byte' type_id={INT 'unsigned char'} bits_offset=8 bitfield_size=5
//#expect:   'm' bits_offset=16
struct mixed { _Bool flag : 1; enum e e : 2; e_t t : 2; unsigned char : 0; unsigned char byte : 5; short m; } mixed;

//#expect: UNION 'u' size=4 vlen=3 ('low' bits_offset=0 bitfield_size=4) ('lower' bits_offset=0 bitfield_size=9) ('whole' bits_offset=0)
union u { unsigned low : 4; int lower : 9; int whole; } u;

// A bitfield as wide as its type is one for gcc and a plain member for clang.
//#expect(gcc): STRUCT 'full' size=4 vlen=1 ('a' bits_offset=0 bitfield_size=32)
//#expect(clang): STRUCT 'full' size=4 vlen=1 ('a' bits_offset=0)
struct full { unsigned a : 32; } full;

// Unnamed bitfields are padding: nothing describes them.
//#expect: STRUCT 'padded' size=4 vlen=2 ('a' bits_offset=0 bitfield_size=1) ('b' bits_offset=9 bitfield_size=2)
struct padded { unsigned a : 1, : 8, b : 2; } padded;
