// Every type and function of this module is in the image already: no type at all.
#include "core.h"
//#types: 0
struct task *one_task;
struct file_operations operations;
int setup_arch(int machine)
{
	return machine + 1;
}
