// Layouts: unions in structs in unions, bitfields of several types, packed and aligned
// structs, arrays of arrays, sizes beyond 32 bits.
#include "core.h"

enum page_kind { PAGE_FREE, PAGE_ANON, PAGE_FILE } __packed;

//#expect: STRUCT 'page' size=64 vlen=4
//#expect:   'flags' bits_offset=0
//#expect:   '(anon)' type_id={UNION '(anon)' size=32 vlen=3 ('lru' type_id={STRUCT 'list_head'}) ('(anon)' type_id={STRUCT '(anon)' vlen=5}) ('words' type_id={ARRAY nr_elems=4})} bits_offset=64
//#expect:   'kind' type_id={ENUM 'page_kind' size=1 vlen=3} bits_offset=320
//#expect:   'refs' type_id={TYPEDEF 'atomic_t' type_id={STRUCT '(anon)' size=4 vlen=1 ('counter')}} bits_offset=352
struct page {
	ulong flags;
	union {
		struct list_head lru;
		struct {
			struct inode *mapping;
			unsigned order : 5;
			bool dirty : 1;
			enum page_kind hint : 3;
			u64 index : 40;
		};
		ulong words[4];
	};
	enum page_kind kind;
	atomic_t refs;
} __attribute__((aligned(64)));

//#expect: STRUCT 'pte' size=9 vlen=3 ('present' bits_offset=0 bitfield_size=1) ('frame' bits_offset=1 bitfield_size=52) ('bits' bits_offset=56)
struct pte {
	u64 present : 1;
	u64 frame : 52;
	u16 bits;
} __packed;

//#expect: STRUCT 'zone' ('free' type_id={ARRAY type_id={STRUCT 'list_head'} nr_elems=33}) ('tables' type_id={ARRAY type_id={STRUCT 'pte'} nr_elems=8}) ('name' type_id={ARRAY nr_elems=0})
struct zone {
	struct list_head free[11][3];
	struct pte tables[2][2][2];
	unsigned __int128 total;
	char name[];
} zone;
//#expect: STRUCT 'zone' ('total' type_id={INT size=16 nr_bits=128})

//#expect: ENUM64 'zone_flags' encoding=UNSIGNED size=8 ('ZONE_HUGE' val=1099511627776)
enum zone_flags { ZONE_SMALL = 1, ZONE_HUGE = 1ULL << 40 } zone_flags;
//#expect: ENUM 'zone_errors' encoding=SIGNED size=4 ('ZONE_FULL' val=-28)
enum zone_errors { ZONE_FULL = -28, ZONE_FINE = 0 } zone_errors;
//#expect: ENUM 'zone_masks' encoding=UNSIGNED size=4 ('ZONE_ALL' val=4294967295)
enum zone_masks { ZONE_ALL = 0xffffffff } zone_masks;

static struct page pages[4];

//#expect: FUNC 'page_alloc' type_id={FUNC_PROTO ret_type_id={PTR type_id={STRUCT 'page'}} vlen=2 ('order' type_id={INT 'unsigned int'}) ('flags' type_id={TYPEDEF 'u32'})}
struct page *page_alloc(unsigned order, u32 flags)
{
	struct page *page = &pages[order & 3];

	page->flags = flags;
	return list_empty(&page->lru) ? page : NULL;
}

//#expect: FUNC 'page_free' type_id={FUNC_PROTO ret_type_id={void} vlen=2}
void page_free(struct page *page, unsigned order)
{
	page->order = order;
	list_add(&page->lru, &zone.free[order][0]);
}
