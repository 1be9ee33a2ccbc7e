// What a CU means by a struct that it only declares, where others define it in two
// ways: the definition that was met last. pahole takes the one that its hash table
// happens to find first.
//#expect: FUNC 'first' type_id={FUNC_PROTO ret_type_id={TYPEDEF 'handle' type_id={PTR type_id={STRUCT 'request' size=4}}}}
//#expect: FUNC 'third' type_id={FUNC_PROTO ret_type_id={TYPEDEF 'handle' type_id={PTR type_id={STRUCT 'request' size=8}}}}
//#count 2: TYPEDEF 'handle'
//#count 0: FWD 'request'
struct request { int a; };
typedef struct request *handle;
handle first(void) { return 0; }
