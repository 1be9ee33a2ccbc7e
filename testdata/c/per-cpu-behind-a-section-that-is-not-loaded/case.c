// A relocatable file gives no addresses to its sections. pahole takes a variable to be in
// the first one whose size, from address 0, covers where the variable would be loaded: that
// is a debug section where one of 64 KiB comes before the variable's own.
__asm__(".pushsection .not_loaded,\"\",@progbits\n\t.zero 0x20000\n\t.popsection");
//#expect: VAR 'counter' type_id={INT 'int'} linkage=global
//#expect: DATASEC '.data..percpu' size=4 vlen=1
__attribute__((section(".data..percpu"))) int counter = 1;
