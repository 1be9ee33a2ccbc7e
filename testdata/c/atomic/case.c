// _Atomic has no BTF kind: the type is encoded as the one without it (QUIRK-4).
//#expect: VAR 'a' type_id={INT 'int' size=4}
_Atomic int a;
//#expect(gcc): VAR 'p' type_id={PTR type_id={INT 'long int'}}
//#expect(clang): VAR 'p' type_id={PTR type_id={INT 'long'}}
//#expect(clang): VAR 'q' type_id={PTR type_id={CONST type_id={INT 'short'}}}
//#expect(gcc): VAR 'q' type_id={PTR type_id={CONST type_id={INT 'short int'}}}
_Atomic long *p;
const _Atomic short *q;
//#expect: STRUCT 'counter' size=8 vlen=2 ('n' type_id={INT 'int'}) ('owner' type_id={INT 'int'} bits_offset=32)
struct counter { _Atomic int n; int owner; } counter;
//#run: --features global_var
