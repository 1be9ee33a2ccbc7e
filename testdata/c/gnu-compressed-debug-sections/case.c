// The older form: sections called .zdebug_*, with a header of their own.
//#link: object
//#needs: objcopy>=2.40
//#variant zlib: objcopy --compress-debug-sections=zlib-gnu @
//#expect: STRUCT 's' size=16 vlen=2
struct s { int a; struct s *next; } s;
enum { AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA, AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB,
       AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC, AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD } e;
