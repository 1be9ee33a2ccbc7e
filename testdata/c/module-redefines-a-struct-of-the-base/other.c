struct port;
struct driver { struct port *port; struct driver *next; };
struct user { struct port *port; struct driver *driver; } user;
struct queue;
struct lone { struct queue *queue; } lone;
