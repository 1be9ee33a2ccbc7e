// Without the feature enum64 every enum is an ENUM, without a sign.
//#reject: ENUM64
//#expect: ENUM 'wide' encoding=UNSIGNED size=8 ('X' val=1)
enum wide { W = 1L << 40, X = 1 } wide;
//#expect: ENUM 'minus' encoding=UNSIGNED size=4 ('M' val=4294967295)
enum minus { M = -1 } minus;
//#run: --features var
