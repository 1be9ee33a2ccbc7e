// Prototypes: parameters of function pointers have no names, an empty list of a
// function type is "anything", one of a definition is none.
struct s;
//#expect: VAR 'unprototyped' type_id={PTR type_id={FUNC_PROTO ret_type_id={void} vlen=1 ('(anon)' type_id={void})}}
void (*unprototyped)();
//#expect: VAR 'none' type_id={PTR type_id={FUNC_PROTO ret_type_id={void} vlen=0}}
void (*none)(void);
//#expect: VAR 'callback' type_id={PTR type_id={FUNC_PROTO ret_type_id={INT 'int'} vlen=2 ('(anon)' type_id={PTR type_id={STRUCT 's'}}) ('(anon)' type_id={INT 'int'})}}
int (*callback)(struct s *, int);
//#expect: FUNC 'printf_like' type_id={FUNC_PROTO ret_type_id={INT 'int'} vlen=2 ('format' type_id={PTR type_id={CONST type_id={INT 'char'}}}) ('(anon)' type_id={void})} linkage=static
int printf_like(const char *format, ...) { return *format; }
//#expect: FUNC 'old_style' type_id={FUNC_PROTO vlen=0}
int old_style() { return 1; }
//#expect: FUNC 'no_return' type_id={FUNC_PROTO ret_type_id={void} vlen=1 ('p' type_id={PTR type_id={STRUCT 's'}})}
struct s { int (*method)(struct s *self, ...); };
void no_return(struct s *p) { p->method(p, 1); }
//#expect: STRUCT 's' ('method' type_id={PTR type_id={FUNC_PROTO vlen=2 ('(anon)' type_id={PTR type_id={STRUCT 's'}}) ('(anon)' type_id={void})}})
//#expect: FUNC 'restricted' type_id={FUNC_PROTO ('a' type_id={RESTRICT type_id={PTR type_id={INT 'int'}}})}
void restricted(int *restrict a) { *a = 1; }
//#run: --features global_var,default
