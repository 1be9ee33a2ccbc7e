// Which functions exist is read from .symtab. Without it, as in a stripped image
// that kept its debug info, the result would silently lack every function.
//#link: executable
//#variant stripped: objcopy --strip-all --keep-section=.debug_* @
//#exit: 1
int f(int a) { return a; }
