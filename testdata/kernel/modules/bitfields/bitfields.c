// Bitfields of every type, across words, in unions, of width zero.
#include "core.h"
//#reject: TYPEDEF 'u32'
//#reject: ENUM 'task_state'
//#expect: STRUCT 'registers' size=16 vlen=7
//#expect:   'enable' type_id={@base TYPEDEF 'bool'} bits_offset=0 bitfield_size=1
//#expect:   'mode' type_id={@base ENUM 'task_state'} bits_offset=1 bitfield_size=8
//#expect:   'signed_field' type_id={@base INT 'int'} bits_offset=9 bitfield_size=5
//#expect:   'next_word' type_id={@base INT 'unsigned int'} bits_offset=32 bitfield_size=31
//#expect:   'plain' bits_offset=64
//#expect:   'long_field' type_id={@base TYPEDEF 'u64'} bits_offset=72 bitfield_size=40
//#expect:   'both' bits_offset=112
struct registers {
	bool enable : 1;
	enum task_state mode : 8;
	int signed_field : 5;
	unsigned : 0;
	unsigned int next_word : 31;
	u8 plain;
	u64 long_field : 40;
	union {
		u16 word;
		struct { u16 low : 4, high : 12; };
	} both;
};
//#expect: STRUCT 'packet_header' size=5 vlen=4 ('version' bits_offset=0 bitfield_size=3) ('length' bits_offset=3 bitfield_size=29) ('rest' bits_offset=32 bitfield_size=3) ('last' bits_offset=35 bitfield_size=5)
struct packet_header {
	u32 version : 3;
	u32 length : 29;
	u32 rest : 3;
	u32 last : 5;
} __packed;
//#expect: FUNC 'read_registers' type_id={FUNC_PROTO ('r' type_id={PTR type_id={STRUCT 'registers'}}) ('h' type_id={PTR type_id={STRUCT 'packet_header'}})}
u32 read_registers(struct registers *r, struct packet_header *h)
{
	return r->next_word + h->length;
}
