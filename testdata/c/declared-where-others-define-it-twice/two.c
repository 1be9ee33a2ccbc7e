struct request;
typedef struct request *handle;
handle third(void) { return 0; }
