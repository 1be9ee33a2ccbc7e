#define SET(name, flags) \
	asm(".pushsection .BTF_ids,\"a\"\n" \
	    ".local __BTF_ID__set8__" #name "\n" \
	    "__BTF_ID__set8__" #name ":\n\t.zero 4\n\t.long " #flags "\n" \
	    ".popsection")
#define ID(function, unique, flags) ID_(function, unique, flags)
#define ID_(function, unique, flags) \
	asm(".pushsection .BTF_ids,\"a\"\n" \
	    ".local __BTF_ID__func__" #function "__" #unique "\n" \
	    ".type __BTF_ID__func__" #function "__" #unique ", STT_OBJECT\n" \
	    ".size __BTF_ID__func__" #function "__" #unique ", 4\n" \
	    "__BTF_ID__func__" #function "__" #unique ":\n\t.zero 4\n\t.long " #flags "\n" \
	    ".popsection")
#define END(name) \
	asm(".pushsection .BTF_ids,\"a\"\n" \
	    ".size __BTF_ID__set8__" #name ", .-__BTF_ID__set8__" #name "\n" \
	    ".popsection")
#define ARENA_RET (1 << 13)
#define ARENA_ARG1 (1 << 14)
#define ARENA_ARG2 (1 << 15)
