// A variable of a type that BTF cannot express is skipped with a warning, or without
// encode_force an error; the variables after it are not lost (QUIRK-34).
//#needs(gcc): g++
decltype(nullptr) null;
int after;
//#run: --features global_var,encode_force
//#warn: null
//#reject: VAR 'null'
//#expect: VAR 'after' type_id={INT 'int'}
//#run: --features global_var
//#exit: 1
//#warn: null
