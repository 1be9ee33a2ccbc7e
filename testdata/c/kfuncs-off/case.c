// Without the feature decl_tag_kfuncs, or without decl_tag, a kfunc has no tag.
//#reject: DECL_TAG
asm(".pushsection .BTF_ids,\"a\"\n"
    ".local __BTF_ID__set8__mine\n"
    "__BTF_ID__set8__mine:\n\t.zero 4\n\t.long 1\n"
    ".local __BTF_ID__func__kfunc__1\n"
    "__BTF_ID__func__kfunc__1:\n\t.zero 4\n\t.long 0\n"
    ".size __BTF_ID__set8__mine, .-__BTF_ID__set8__mine\n"
    ".popsection");
int kfunc(int a) { return a; }
//#run: --features decl_tag
//#expect: FUNC 'kfunc'
//#run: --features decl_tag_kfuncs
//#expect: FUNC 'kfunc'
