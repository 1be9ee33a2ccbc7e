// Of a weak and a strong definition the linked one, the strong, gives its names.
//#sources: weak.c case.c
//#link: executable relocatable
//#count 1: FUNC 'f'
//#expect: FUNC 'f' type_id={FUNC_PROTO ('strong' type_id={INT 'int'})}
int f(int strong) { return strong; }
