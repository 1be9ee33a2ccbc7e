// Link-time optimisation leaves a variable's location in one unit and its name and
// type in another, which DW_AT_abstract_origin refers to: a VAR all the same.
//#compilers: gcc
//#link: executable
//#cflags: -flto
//#ldflags: -flto
//#run: --features global_var,default
//#expect: VAR 'keep' type_id={VOLATILE type_id={INT 'int'}} linkage=global
//#expect: DATASEC '.data'
//#expect:   type_id={VAR 'keep'} size=4
volatile int keep = 1;
//#expect: VAR 'hidden' type_id={VOLATILE type_id={INT 'long int'}} linkage=static
static volatile long hidden = 2;
__attribute__((used)) int one(int a) { return a * keep + hidden; }
