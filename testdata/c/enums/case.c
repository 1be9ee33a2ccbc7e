// Sizes, signs and forward declarations of enums.
//#expect: ENUM 'small' encoding=UNSIGNED size=4 vlen=2 ('A' val=0) ('B' val=7)
enum small { A, B = 7 } small;
//#expect: ENUM 'minus' encoding=SIGNED size=4 vlen=2 ('M' val=-1) ('N' val=5)
enum minus { M = -1, N = 5 } minus;
//#expect: ENUM 'top' encoding=UNSIGNED size=4 ('T' val=4294967295)
enum top { T = 0xffffffff } top;
//#expect: ENUM 'packed' encoding=UNSIGNED size=1 vlen=2 ('Q' val=200)
enum packed { P, Q = 200 } __attribute__((packed)) packed;
//#expect: ENUM 'packed_minus' encoding=SIGNED size=1 ('R' val=-128)
enum packed_minus { R = -128, S } __attribute__((packed)) packed_minus;
//#expect: ENUM64 'wide' encoding=UNSIGNED size=8 vlen=2 ('W' val=1099511627776) ('X' val=1)
enum wide { W = 1L << 40, X = 1 } wide;
//#expect: ENUM64 'wide_minus' encoding=SIGNED size=8 ('Y' val=-1099511627776)
enum wide_minus { Y = -(1L << 40), Z } wide_minus;
//#expect: ENUM64 'topmost' encoding=UNSIGNED size=8 ('TT' val=18446744073709551615)
enum topmost { TT = ~0UL, T0 = 0 } topmost;
//#expect: ENUM '(anon)' size=4 ('ANONYMOUS' val=3)
enum { ANONYMOUS = 3 } anonymous;
//#expect: PTR type_id={ENUM 'forward' size=4 vlen=0}
enum forward;
//#expect: STRUCT 'uses' vlen=2
struct uses { enum forward *f; enum small *s; } uses;
//#run: --features default
