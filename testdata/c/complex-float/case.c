// Complex numbers have no BTF kind; they keep their size as an array of bytes, with
// a warning, and the rest of the file is encoded (QUIRK-11).
//#expect: VAR 'z' type_id={ARRAY type_id={INT size=1} nr_elems=16}
//#warn: complex
_Complex double z;
//#expect: VAR 'p' type_id={PTR type_id={ARRAY nr_elems=8}}
_Complex float *p;
//#expect: STRUCT 'after' size=4 vlen=1
struct after { int a; } after;
//#run: --features global_var,default
