// Names with more than one meaning: a function with two prototypes, a static name
// twice, a struct defined two ways, and a struct of one CU that others only declare.
#include "core.h"
#include "percpu.h"

//#count 2: STRUCT 'console'
struct console {
	int port;
	struct console *next;
} *consoles;

//#expect: STRUCT 'inode' vlen=2
//#count 0: FWD 'inode'
struct inode {
	u32 number;
	const struct file_operations *ops;
};

//#expect: STRUCT 'packet' ('owner' type_id={PTR type_id={STRUCT 'task'}}) ('inode' type_id={PTR type_id={STRUCT 'inode'}})
struct packet {
	struct packet *next;
	struct task *owner;
	struct inode *inode;
	void (*destroy)(struct packet *);
	int (*unprototyped)();
	u8 data[];
} *packets;
//#expect: STRUCT 'packet' ('unprototyped' type_id={PTR type_id={FUNC_PROTO vlen=1 ('(anon)' type_id={void})}})

//#expect: VAR 'backlog' type_id={PTR type_id={STRUCT 'packet'}}
DEFINE_PER_CPU(struct packet *, backlog) = NULL;

int policy(struct packet *packet, int strict)
{
	return packet->data[0] + strict;
}

extern int imbalance;
static noinline int helper(int a)
{
	return a - imbalance++;
}

//#expect: FUNC 'deliver' type_id={FUNC_PROTO vlen=1 ('packet')}
int deliver(struct packet *packet)
{
	if (packet->destroy)
		packet->destroy(packet);
	return helper(packet->data[1]) + helper(packet->data[2]) + policy(packet, 1);
}

