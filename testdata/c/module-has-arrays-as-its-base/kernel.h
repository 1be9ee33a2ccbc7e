struct node { int n; };
struct grid { struct node *cells[2][3]; };
