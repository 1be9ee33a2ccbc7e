// dwz -m moves shared units into a second file. Its types are not in the input, so
// this is an error that says so, not a BTF without them (QUIRK-5).
//#compilers: gcc
//#needs: dwz
//#link: executable
//#sources: case.c other.c
//#variant multi: cp @ @.second; dwz -m @.shared @ @.second
//#exit: 1
//#warn: supplementary
#include "../dwz-partial-units/types.h"
struct big one;
