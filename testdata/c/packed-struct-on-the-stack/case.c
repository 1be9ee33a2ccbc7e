// Where a packed struct lies among stack arguments cannot be told from its type
// alone, so functions that take one there are left out (x86-64 passes the first six
// in registers). Seen through typedef and const as well (QUIRK-15).
//#targets: x86_64
struct packed { char c; long l; } __attribute__((packed));
typedef struct packed packed_t;
struct plain { long a, b, c; };

#define SIX int a, int b, int c, int d, int e, int f
#define BODY(x) { return a + b + c + d + e + f + x; }

//#reject: FUNC 'direct'
long direct(SIX, struct packed p) BODY(p.l)
//#reject: FUNC 'by_typedef'
long by_typedef(SIX, packed_t p) BODY(p.l)
//#reject: FUNC 'by_const'
long by_const(SIX, const struct packed p) BODY(p.l)
//#expect: FUNC 'ordinary' type_id={FUNC_PROTO vlen=7 ('p' type_id={STRUCT 'plain'})}
long ordinary(SIX, struct plain p) BODY(p.a)
//#expect: FUNC 'pointer' type_id={FUNC_PROTO vlen=7}
long pointer(SIX, struct packed *p) BODY(p->l)
//#expect: FUNC 'in_registers' type_id={FUNC_PROTO vlen=6}
long in_registers(SIX) BODY(0)
