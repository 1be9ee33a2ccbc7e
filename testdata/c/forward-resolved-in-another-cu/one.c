struct unique { int x; } unique;
struct ambiguous { int one; } *one;
