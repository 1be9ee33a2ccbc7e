// Per-CPU addresses of a linked image can begin at 0, which is also what a variable
// of a discarded section has: only the one with a symbol there is kept.
//#link: executable
//#ldflags: -Wl,-T,@/discard.lds
//#cflags: -fno-pie
//#expect: VAR 'kept'
//#reject: VAR 'discarded'
__attribute__((section(".data..percpu"))) int kept = 1;
__attribute__((section(".discard"))) int discarded = 1;
//#expect: DATASEC '.data..percpu' size=4 vlen=1
//#run: --features var
