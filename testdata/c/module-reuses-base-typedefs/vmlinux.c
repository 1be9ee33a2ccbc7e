#include "kernel.h"
struct file *files;
size_t count(struct file *f) { return f ? f->len : 0; }
