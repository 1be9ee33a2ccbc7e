// With nested arrays each dimension is an ARRAY of its own, the outermost of which is the
// array; each may be of no or an unknown number of elements.
//#run: --arrays nested --features global_var,default
//#expect: VAR 'cube' type_id={ARRAY type_id={ARRAY type_id={ARRAY type_id={INT 'int'} index_type_id={INT 'int'} nr_elems=4} index_type_id={INT 'int'} nr_elems=3} index_type_id={INT 'int' size=4 encoding=SIGNED} nr_elems=2}
int cube[2][3][4];
// A dimension that two arrays share is there once.
//#count 1: ARRAY type_id={INT 'int'} nr_elems=4
//#expect: VAR 'row' type_id={ARRAY type_id={INT 'int'} nr_elems=4}
int row[4];
//#expect: STRUCT 'zero' size=8 vlen=4 ('none' type_id={ARRAY type_id={INT} nr_elems=0}) ('n') ('grid' type_id={ARRAY type_id={ARRAY type_id={INT 'int'} nr_elems=5} nr_elems=0} bits_offset=64) ('rest' type_id={ARRAY type_id={ARRAY type_id={INT 'int'} nr_elems=6} nr_elems=0} bits_offset=64)
struct zero { long none[0]; long n; int grid[0][5]; int rest[][6]; } zero;
typedef int triple[3];
// gcc joins the dimensions itself, clang keeps the typedef.
//#expect(gcc): VAR 'triples' type_id={ARRAY type_id={ARRAY type_id={INT 'int'} nr_elems=3} nr_elems=2}
//#expect(clang): VAR 'triples' type_id={ARRAY type_id={TYPEDEF 'triple' type_id={ARRAY type_id={INT 'int'} nr_elems=3}} nr_elems=2}
triple triples[2];
typedef int v4 __attribute__((vector_size(16)));
//#expect: VAR 'vectors' type_id={ARRAY type_id={ARRAY type_id={TYPEDEF 'v4' type_id={ARRAY type_id={INT 'int'} nr_elems=4}} nr_elems=5} nr_elems=2}
v4 vectors[2][5];
//#expect: VAR 'pointer' type_id={PTR type_id={ARRAY type_id={ARRAY type_id={INT 'int'} nr_elems=2} nr_elems=7}}
int (*pointer)[7][2];
// The types of one function tell whether its declarations agree.
//#expect: FUNC 'second' type_id={FUNC_PROTO ret_type_id={INT 'int'} ('m' type_id={PTR type_id={ARRAY type_id={INT 'int'} nr_elems=9}})}
int second(int m[8][9]) { return m[1][0]; }

//#run: --arrays flat --features global_var,default
//#expect: VAR 'cube' type_id={ARRAY type_id={INT 'int'} nr_elems=24}
//#reject: ARRAY type_id={ARRAY}
