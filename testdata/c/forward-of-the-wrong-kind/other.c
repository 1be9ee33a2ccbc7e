union thing { int a; } other;
