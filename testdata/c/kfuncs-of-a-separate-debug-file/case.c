// The debug file of a stripped module has no contents of .BTF_ids, so that nobody can
// tell its kfuncs: that their tags are missing is said.
//#compilers: gcc
//#dwarf: 5
//#link: relocatable
//#needs: objcopy
//#variant debug: objcopy --only-keep-debug @
//#warn: kfuncs unknown
//#warn: debug file of a stripped one
//#warn: `mine`
//#expect: FUNC 'kfunc'
//#reject: DECL_TAG
asm(".pushsection .BTF_ids,\"a\"\n"
    ".local __BTF_ID__set8__mine\n"
    "__BTF_ID__set8__mine:\n\t.zero 4\n\t.long 1\n"
    ".local __BTF_ID__func__kfunc__1\n"
    ".type __BTF_ID__func__kfunc__1, STT_OBJECT\n"
    ".size __BTF_ID__func__kfunc__1, 4\n"
    "__BTF_ID__func__kfunc__1:\n\t.zero 4\n\t.long 0\n"
    ".size __BTF_ID__set8__mine, .-__BTF_ID__set8__mine\n"
    ".popsection");
int kfunc(int a) { return a; }
