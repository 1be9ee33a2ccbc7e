// Functions in a BTF_SET8 with the KFUNCS flag are tagged; those of other sets not.
//#link: object executable
#define SET(name, flags) \
	asm(".pushsection .BTF_ids,\"a\"\n" \
	    ".local __BTF_ID__set8__" #name "\n" \
	    "__BTF_ID__set8__" #name ":\n\t.zero 4\n\t.long " #flags "\n" \
	    ".popsection")
#define ID(function, unique, flags) \
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

SET(mine, 1);
ID(kfunc_plain, 1, 0);
ID(kfunc_fast, 2, (1 << 12));
ID(name__with__underscores, 3, 4);
END(mine);
SET(not_kfuncs, 0);
ID(listed_elsewhere, 4, 0);
END(not_kfuncs);

//#expect: FUNC 'kfunc_plain' #$plain
//#expect: DECL_TAG 'bpf_kfunc' type_id=$plain component_idx=-1
int kfunc_plain(int a) { return a; }
//#expect: FUNC 'kfunc_fast' #$fast
//#expect: DECL_TAG 'bpf_kfunc' type_id=$fast component_idx=-1
//#expect: DECL_TAG 'bpf_fastcall' type_id=$fast component_idx=-1
int kfunc_fast(int a) { return a; }
//#expect: FUNC 'name__with__underscores' #$under
//#expect: DECL_TAG 'bpf_kfunc' type_id=$under component_idx=-1
int name__with__underscores(int a) { return a; }
//#expect: FUNC 'listed_elsewhere'
int listed_elsewhere(int a) { return a; }
//#run: --features default
//#count 4: DECL_TAG
