#include "header.h"
int sink;
int user(int a) { return shared(a); }
