typedef ulong word_t;
struct thread { word_t debug[8]; word_t *saved[8]; };
struct shared { ulong first[8]; struct thread thread; word_t second[8]; const word_t third[8]; ulong fourth[8]; };
