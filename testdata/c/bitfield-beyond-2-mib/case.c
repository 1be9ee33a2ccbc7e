// See plain-member-beyond-2-mib: here it is the bitfield that lies too far out.
struct far { char pad[2097152]; int a : 3; } *far;
//#run: --features default
//#expect: STRUCT 'far' vlen=0
//#warn: far
//#run: --features var
//#exit: 1
//#warn: far
