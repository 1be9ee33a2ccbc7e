// All dimensions are one: the number of elements is their product. An unknown bound
// counts as 0. The index type is the INT called int.
//#expect: VAR 'cube' type_id={ARRAY type_id={INT 'int'} index_type_id={INT 'int' size=4 encoding=SIGNED} nr_elems=24}
int cube[2][3][4];
//#expect: VAR 'rows' type_id={ARRAY type_id={INT 'unsigned char'} index_type_id={INT 'int'} nr_elems=15}
unsigned char rows[3][5];
//#expect: STRUCT 'flexible' size=8 vlen=2 ('n' bits_offset=0) ('data' type_id={ARRAY type_id={PTR type_id={STRUCT 'flexible'}} nr_elems=0} bits_offset=64)
struct flexible { long n; struct flexible *data[]; } *flexible;
//#expect: STRUCT 'zero' size=8 vlen=3 ('none' type_id={ARRAY nr_elems=0}) ('grid' type_id={ARRAY nr_elems=0})
struct zero { long none[0]; long n; int grid[0][5]; } zero;
typedef int triple[3];
// gcc joins the dimensions itself, clang keeps the typedef.
//#expect(gcc): VAR 'triples' type_id={ARRAY type_id={INT 'int'} nr_elems=6}
//#expect(clang): VAR 'triples' type_id={ARRAY type_id={TYPEDEF 'triple' type_id={ARRAY type_id={INT 'int'} nr_elems=3}} nr_elems=2}
triple triples[2];
//#expect: VAR 'strings' type_id={ARRAY type_id={PTR type_id={CONST type_id={INT 'char'}}} nr_elems=3}
const char *strings[3];
//#expect: VAR 'vector' type_id={TYPEDEF 'v4' type_id={ARRAY type_id={INT 'int'} nr_elems=4}}
typedef int v4 __attribute__((vector_size(16)));
v4 vector;
//#run: --features global_var,default
