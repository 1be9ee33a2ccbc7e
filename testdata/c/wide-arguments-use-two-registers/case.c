// Three 16-byte arguments fill the six argument registers of x86-64, so the fourth
// parameter is on the stack although it is only the fourth (QUIRK-15).
//#targets: x86_64
struct packed { char c; long l; } __attribute__((packed));
//#reject: FUNC 'fourth'
long fourth(__int128 a, __int128 b, __int128 c, struct packed p) { return a + b + c + p.l; }
//#expect: FUNC 'ints' type_id={FUNC_PROTO vlen=4}
long ints(__int128 a, __int128 b, __int128 c, long p) { return a + b + c + p; }
