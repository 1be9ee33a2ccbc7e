// Two structs that differ only in the element type of their second array are two,
// though their first arrays are equal (QUIRK-22), whichever comes first.
//#sources: case.c other.c
//#variant one:
//#variant two:
//#cflags(two): -DSWAP
//#count 2: STRUCT 'S' size=32 vlen=2
//#expect: STRUCT 'S' ('a' type_id={ARRAY type_id={INT 'int'} nr_elems=4}) ('b' type_id={ARRAY type_id={INT 'int'} nr_elems=4})
//#expect: STRUCT 'S' ('a' type_id={ARRAY type_id={INT 'int'} nr_elems=4}) ('b' type_id={ARRAY type_id={FLOAT 'float'} nr_elems=4})
#ifdef SWAP
struct S { int a[4]; float b[4]; } *s;
#else
struct S { int a[4]; int b[4]; } *s;
#endif
