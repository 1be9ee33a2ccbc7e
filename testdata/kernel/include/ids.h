/*
 * Lists of BTF ids: words in .BTF_ids, named by local symbols, that are filled in
 * once the ids are known. A set8 has a count, a word of flags and then pairs of an
 * id and its flags.
 */
#ifndef IDS_H
#define IDS_H

#define ID_PASTE_(a, b) a##b
#define ID_PASTE(a, b) ID_PASTE_(a, b)
#define ID_UNIQUE ID_PASTE(__COUNTER__, __LINE__)
#define ID_STRING_(x) #x
#define ID_STRING(x) ID_STRING_(x)

#define ID_ASM(text) \
	asm(".pushsection .BTF_ids, \"a\"\n" text "\n.popsection")
#define ID_SLOT(symbol) \
	".local " symbol "\n" \
	".type " symbol ", %object\n" \
	".size " symbol ", 4\n" \
	symbol ":\n.zero 4\n"

#define BTF_ID(kind, name) \
	ID_ASM(ID_SLOT("__BTF_ID__" #kind "__" #name "__" ID_STRING(ID_UNIQUE)))
#define BTF_ID_FLAGS(kind, name, flags) \
	ID_ASM(ID_SLOT("__BTF_ID__" #kind "__" #name "__" ID_STRING(ID_UNIQUE)) \
	       ".long " ID_STRING(flags))

#define BTF_ID_LIST(name) \
	ID_ASM(".local " #name "\n" #name ":"); \
	extern unsigned name[];

#define BTF_SET_START(name) \
	ID_ASM(".local __BTF_ID__set__" #name "\n__BTF_ID__set__" #name ":\n.zero 4")
#define BTF_SET_END(name) \
	ID_ASM(".size __BTF_ID__set__" #name ", . - __BTF_ID__set__" #name)

#define BTF_SET8_START_FLAGS(name, flags) \
	ID_ASM(".local __BTF_ID__set8__" #name "\n" \
	       "__BTF_ID__set8__" #name ":\n.zero 4\n.long " ID_STRING(flags))
#define BTF_SET8_START(name) BTF_SET8_START_FLAGS(name, 0)
#define BTF_KFUNCS_START(name) BTF_SET8_START_FLAGS(name, 1)
#define BTF_SET8_END(name) \
	ID_ASM(".size __BTF_ID__set8__" #name ", . - __BTF_ID__set8__" #name)

#define KF_ACQUIRE (1 << 0)
#define KF_RELEASE (1 << 1)
#define KF_SLEEPABLE (1 << 5)
#define KF_FASTCALL (1 << 12)
#define KF_ARENA_RET (1 << 13)
#define KF_ARENA_ARG1 (1 << 14)
#define KF_ARENA_ARG2 (1 << 15)

#endif
