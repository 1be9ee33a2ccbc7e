// An empty list of features is every feature off.
//#expect: INT 'float' size=4
float f;
//#reject: FLOAT
//#reject: VAR
//#expect: FUNC 'g'
int g(int a) { return a; }
__attribute__((section(".data..percpu"))) int per_cpu = 1;
//#run: --features=
