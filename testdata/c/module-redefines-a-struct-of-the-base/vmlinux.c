struct port { int number; } port;
struct board { struct port *port; } board;
struct queue { int length; } queue;
