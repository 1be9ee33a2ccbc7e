struct char_device {
	struct driver driver;
	struct file_operations ops;
	struct list_head clients;
	struct char_device *next;
	int (*notify)(struct char_device *, enum task_state, ...);
};
struct client {
	struct char_device *device;
	struct list_head entry;
	struct file *file;
};
extern struct char_device device;
struct client *client_add(struct file *file);
static inline struct client *client_of(struct list_head *entry)
{
	return container_of(entry, struct client, entry);
}
