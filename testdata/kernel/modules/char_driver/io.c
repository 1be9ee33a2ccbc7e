#include "core.h"
#include "driver.h"
//#expect(clang): FUNC 'device_read' type_id={FUNC_PROTO ('file') ('buffer' type_id={PTR type_id={TYPE_TAG 'user' type_id={INT 'char'}}}) ('count') ('offset')}
//#expect(gcc): FUNC 'device_read' type_id={FUNC_PROTO ('file') ('buffer' type_id={@base PTR type_id={INT 'char'}}) ('count') ('offset')}
long device_read(struct file *file, char __user *buffer, size_t count, s64 *offset)
{
	struct client *client = client_of(device.clients.next);

	*offset += count;
	return client->file == file ? (long)buffer[0] : -1;
}
