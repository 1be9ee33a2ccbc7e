// Base types: names are the compiler's own, encodings are what BTF has.
//#expect: VAR 'i8' type_id={INT 'signed char' size=1 bits_offset=0 nr_bits=8 encoding=SIGNED}
signed char i8;
//#expect: VAR 'u8' type_id={INT 'unsigned char' size=1 nr_bits=8 encoding=(none)}
unsigned char u8;
//#expect(gcc): VAR 'i16' type_id={INT 'short int' size=2 nr_bits=16 encoding=SIGNED}
//#expect(clang): VAR 'i16' type_id={INT 'short' size=2 nr_bits=16 encoding=SIGNED}
short i16;
//#expect(gcc): VAR 'u16' type_id={INT 'short unsigned int' size=2 encoding=(none)}
//#expect(clang): VAR 'u16' type_id={INT 'unsigned short' size=2 encoding=(none)}
unsigned short u16;
//#expect: VAR 'i32' type_id={INT 'int' size=4 nr_bits=32 encoding=SIGNED}
int i32;
//#expect: VAR 'u32' type_id={INT 'unsigned int' size=4 encoding=(none)}
unsigned u32;
//#expect(gcc): VAR 'i64' type_id={INT 'long long int' size=8 nr_bits=64 encoding=SIGNED}
//#expect(clang): VAR 'i64' type_id={INT 'long long' size=8 nr_bits=64 encoding=SIGNED}
long long i64;
//#expect(gcc): VAR 'u64' type_id={INT 'long long unsigned int' size=8 encoding=(none)}
//#expect(clang): VAR 'u64' type_id={INT 'unsigned long long' size=8 encoding=(none)}
unsigned long long u64;
//#expect: VAR 'b' type_id={INT '_Bool' size=1 nr_bits=8 encoding=BOOL}
_Bool b;
//#expect: VAR 'f' type_id={FLOAT 'float' size=4}
float f;
//#expect: VAR 'd' type_id={FLOAT 'double' size=8}
double d;
//#expect(x86_64): VAR 'ld' type_id={FLOAT 'long double' size=16}
long double ld;
#ifdef __SIZEOF_INT128__
//#expect(x86_64): VAR 'i128' type_id={INT '__int128' size=16 nr_bits=128 encoding=SIGNED}
__int128 i128;
//#expect(x86_64,gcc): VAR 'u128' type_id={INT '__int128 unsigned' size=16 nr_bits=128 encoding=(none)}
//#expect(x86_64,clang): VAR 'u128' type_id={INT 'unsigned __int128' size=16 nr_bits=128 encoding=(none)}
unsigned __int128 u128;
#endif
//#expect: VAR 'vp' type_id={PTR type_id={void}}
void *vp;
//#expect(gcc): VAR 'cv' type_id={PTR type_id={VOLATILE type_id={CONST type_id={INT 'int'}}}}
//#expect(clang): VAR 'cv' type_id={PTR type_id={CONST type_id={VOLATILE type_id={INT 'int'}}}}
const volatile int *cv;
//#expect: VAR 'cvoid' type_id={PTR type_id={CONST type_id={void}}}
const void *cvoid;
//#run: --features global_var,default
