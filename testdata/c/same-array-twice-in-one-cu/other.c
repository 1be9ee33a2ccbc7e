#include "types.h"
word before[3];
struct thread *threads;
struct user yours;
const word after[3];
