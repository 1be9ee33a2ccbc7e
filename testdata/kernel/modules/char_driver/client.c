#include "core.h"
#include "driver.h"
static struct client clients[8];
//#expect: FUNC 'client_add' type_id={FUNC_PROTO ret_type_id={PTR type_id={STRUCT 'client'}} ('file' type_id={@base PTR type_id={@base STRUCT 'file'}})}
struct client *client_add(struct file *file)
{
	struct client *client = &clients[file->mode & 7];

	client->device = &device;
	client->file = file;
	list_add(&client->entry, &device.clients);
	return client;
}
