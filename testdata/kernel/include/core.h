/* What the image offers its modules. */
#ifndef CORE_H
#define CORE_H

#include "types.h"

struct file;
struct page;
struct inode;
struct secret; /* defined by no CU of the image */

enum task_state {
	TASK_RUNNING,
	TASK_SLEEPING = 1,
	TASK_DEAD = 0x80,
};

struct task {
	volatile enum task_state state;
	unsigned int on_cpu : 1;
	unsigned int exiting : 1;
	unsigned int priority : 7;
	struct list_head tasks;
	struct task __rcu *parent;
	char comm[16];
	const struct credentials *cred;
	union {
		u64 raw;
		struct {
			u32 low, high;
		};
	};
	struct file **files;
	struct secret *security;
	atomic_t usage;
};

struct file_operations {
	long (*read)(struct file *file, char __user *buffer, size_t count, s64 *offset);
	long (*write)(struct file *file, const char __user *buffer, size_t count, s64 *offset);
	int (*open)(struct inode *inode, struct file *file);
	int (*control)(struct file *file, unsigned command, ...);
};

struct file {
	const struct file_operations *ops;
	struct inode *inode;
	s64 position;
	u32 mode;
	void *private;
};

struct driver {
	const char *name;
	int (*probe)(struct driver *driver);
	void (*remove)(struct driver *driver);
	struct list_head list;
};

int print(const char *format, ...);
int register_driver(struct driver *driver);
struct task *current_task(void);
struct page *page_alloc(unsigned order, u32 flags);
void page_free(struct page *page, unsigned order);

#endif
