// One name that is no identifier makes the kernel refuse the whole BTF. With
// encode_force the offender loses its name or goes, without it is an error
// (QUIRK-31).
//#expect: STRUCT 'fine' size=4 vlen=1
struct fine { int a; } *fine;
//#expect: FUNC 'g'
int g(int a) { return a; }
//#reject: FUNC 'f$x'
int f$x(int a) { return a; }
//#reject: STRUCT 's$'
struct s$ { int m; } *s;
//#reject: TYPEDEF 't$'
typedef int t$;
t$ *t;
//#reject: ENUM 'e$'
enum e$ { E1 } *e;
//#run: --features default
//#warn: $
