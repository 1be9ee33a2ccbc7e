struct secret;
struct uses { struct secret *s; };
