struct request { long long a; };
typedef struct request *handle;
handle second(void) { return 0; }
