// The vlen of a DATASEC has 16 bits (before 2026's kernels): 66,000 variables are an
// error, not 464 (QUIRK-29).
//#dwarf: 5
//#opt: -O0
#define V10(n) n##0, n##1, n##2, n##3, n##4, n##5, n##6, n##7, n##8, n##9
#define V100(n) V10(n##0), V10(n##1), V10(n##2), V10(n##3), V10(n##4), \
		V10(n##5), V10(n##6), V10(n##7), V10(n##8), V10(n##9)
#define V1000(n) V100(n##0), V100(n##1), V100(n##2), V100(n##3), V100(n##4), \
		 V100(n##5), V100(n##6), V100(n##7), V100(n##8), V100(n##9)
#define V10000(n) V1000(n##0), V1000(n##1), V1000(n##2), V1000(n##3), V1000(n##4), \
		  V1000(n##5), V1000(n##6), V1000(n##7), V1000(n##8), V1000(n##9)
int V10000(a), V10000(b), V10000(c), V10000(d), V10000(e), V10000(f);
int V1000(g), V1000(h), V1000(i), V1000(j), V1000(k), V1000(l);
//#run: --features global_var
//#exit: 1
//#run: --features default
//#reject: VAR
