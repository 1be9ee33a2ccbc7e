// More parameters than 8-bit counters hold (QUIRK-28).
#define P10(n) int n##0, int n##1, int n##2, int n##3, int n##4, \
	       int n##5, int n##6, int n##7, int n##8, int n##9
#define P100(n) P10(n##0), P10(n##1), P10(n##2), P10(n##3), P10(n##4), \
		P10(n##5), P10(n##6), P10(n##7), P10(n##8), P10(n##9)
//#expect: FUNC 'many' type_id={FUNC_PROTO vlen=300 ('p100' type_id={INT 'int'}) ('p355') ('p399')}
int many(P100(p1), P100(p2), P100(p3)) { return p100 + p255 + p399; }
//#expect: FUNC 'after' type_id={FUNC_PROTO vlen=1 ('a')}
int after(int a) { return a; }
