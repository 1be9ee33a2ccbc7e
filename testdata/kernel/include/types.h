/* The vocabulary of the small kernel. */
#ifndef TYPES_H
#define TYPES_H

typedef signed char s8;
typedef unsigned char u8;
typedef unsigned short u16;
typedef int s32;
typedef unsigned int u32;
typedef long long s64;
typedef unsigned long long u64;
typedef _Bool bool;
typedef unsigned long size_t;
typedef unsigned long ulong;

#define NULL ((void *)0)
#define noinline __attribute__((noinline))
#define noclone __attribute__((noclone))
#define __weak __attribute__((weak))
#define __packed __attribute__((packed))
#define __used __attribute__((used))

#ifdef __clang__
#undef noclone
#define noclone
#define TYPE_TAG(x) __attribute__((btf_type_tag(#x)))
#define DECL_TAG(x) __attribute__((btf_decl_tag(#x)))
#else
#define TYPE_TAG(x)
#define DECL_TAG(x)
#endif
#define __user TYPE_TAG(user)
#define __rcu TYPE_TAG(rcu)

typedef struct {
	int counter;
} atomic_t;

struct list_head {
	struct list_head *next, *prev;
};

/* A struct that holds the one type that points to it. */
typedef struct waiter waiter_t;
typedef int (*wake_fn)(waiter_t *who, int how);
struct waiter {
	struct list_head entry;
	wake_fn wake;
	waiter_t *next;
};

struct wait_queue {
	atomic_t lock;
	struct list_head head;
};

#define offset_of(type, member) __builtin_offsetof(type, member)
#define container_of(p, type, member) ((type *)((char *)(p) - offset_of(type, member)))

/* Emitted by some CUs and inlined by others. */
static inline bool list_empty(const struct list_head *list)
{
	return list->next == list;
}

static inline void list_add(struct list_head *entry, struct list_head *list)
{
	entry->next = list->next;
	entry->prev = list;
	list->next->prev = entry;
	list->next = entry;
}

#endif
