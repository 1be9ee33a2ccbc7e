struct inner { int a, b; };
struct outer { struct inner in; struct outer *self; };
union both { int i; struct outer *o; };
enum colour { RED, GREEN };
