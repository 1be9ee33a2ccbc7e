// A driver in three CUs that share a header.
#include "core.h"
#include "driver.h"
//#count 1: STRUCT 'char_device'
//#count 1: STRUCT 'client'
//#reject: STRUCT 'driver'
//#reject: STRUCT 'file_operations'
//#expect: STRUCT 'char_device' #$device ('driver' type_id={@base STRUCT 'driver'}) ('ops' type_id={@base STRUCT 'file_operations'}) ('clients') ('next' type_id={@split PTR type_id=$device})
//#expect: STRUCT 'char_device' ('notify' type_id={PTR type_id={FUNC_PROTO vlen=3 ('(anon)' type_id={PTR type_id=$device}) ('(anon)' type_id={@base ENUM 'task_state'}) ('(anon)' type_id={void})}})
struct char_device device = { .driver = { .name = "char" } };
//#expect: FUNC 'init_module' type_id={FUNC_PROTO ret_type_id={@base INT 'int'} vlen=0}
int init_module(void)
{
	return register_driver(&device.driver);
}
//#expect: FUNC 'cleanup_module'
void cleanup_module(void)
{
	device.driver.remove(&device.driver);
}
