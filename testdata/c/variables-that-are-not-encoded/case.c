// Only variables at file scope with an address: no locals, not even static ones, no
// thread-local ones, no declarations, no names the kernel reserves.
//#expect: VAR 'kept' linkage=global
int kept = 1;
//#expect: VAR 'also_kept' linkage=static
static int also_kept = 2;
//#reject: VAR 'in_function'
//#reject: VAR 'thread_local'
//#reject: VAR 'declared'
//#reject: VAR 'empty'
//#reject: VAR '__UNIQUE_ID_x1'
//#reject: VAR '__exitcall_x'
extern int declared;
__thread int thread_local = 3;
struct none {} empty;
int __UNIQUE_ID_x1 = 1;
int __exitcall_x = 2;
int *f(void)
{
	static int in_function = 5;
	in_function += also_kept++ + declared + thread_local;
	return &in_function;
}
//#count 2: VAR
//#run: --features global_var
