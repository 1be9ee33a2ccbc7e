// Variables of .data..percpu, with a DATASEC that lists them by offset.
//#ldflags(executable): -Wl,-T,@/percpu.lds
//#cflags(gcc): -fno-toplevel-reorder
//#targets: x86_64
//#sources: case.c other.c
//#link: relocatable executable
#define PER_CPU __attribute__((section(".data..percpu")))
//#expect: VAR 'first' #$first type_id={INT 'int'} linkage=global
PER_CPU int first = 1;
//#expect: VAR 'second' #$second type_id={VOLATILE type_id={STRUCT 's'}} linkage=static
struct s { long a, b; };
PER_CPU static volatile struct s second = { 1, 2 };
//#expect: VAR 'third' #$third
// gcc aligns the struct to 16 bytes, clang to 8.
//#expect(gcc): DATASEC '.data..percpu' size=40 vlen=3 (type_id=$first offset=0 size=4) (type_id=$second offset=16 size=16) (type_id=$third offset=32 size=8)
//#expect(clang): DATASEC '.data..percpu' size=32 vlen=3 (type_id=$first offset=0 size=4) (type_id=$second offset=8 size=16) (type_id=$third offset=24 size=8)
//#count 3: VAR
//#count 1: DATASEC
int ordinary = 1;
long f(void) { return first + second.a + ordinary; }
//#run: --features var
