// The bit offset of a member has 32 bits, 512 MiB (QUIRK-13).
struct huge { char pad[600000000]; int z; } *huge;
//#expect: STRUCT 'edge' size=536870912 vlen=2 ('z' bits_offset=4294967264)
struct edge { char pad[536870908]; int z; } *edge;
//#run: --features default
//#expect: STRUCT 'huge' size=600000004 vlen=0
//#warn: huge
//#run: --features var
//#exit: 1
//#warn: huge
