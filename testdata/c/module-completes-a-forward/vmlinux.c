#include "types.h"
struct uses u;
