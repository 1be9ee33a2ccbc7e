// Tentative definitions in two CUs share an address: one VAR (QUIRK-19).
//#cflags: -fcommon
//#link: executable
//#count 1: VAR 'c'
//#expect: DATASEC '.bss' vlen=1 (size=4)
int c;
//#run: --features global_var,default
