// `all` is every feature that old kernels can read, not none of them (QUIRK-20).
//#expect: FLOAT 'double' size=8
//#expect: ENUM64 'big'
//#expect: VAR 'per_cpu'
double d;
enum big { BIG = 1L << 40 } big;
__attribute__((section(".data..percpu"))) int per_cpu;
//#run: --features all
