typedef unsigned long word;
struct thread { word array[3]; struct thread *up; };
struct task { word first[3]; struct thread t; unsigned long second[3]; const word third[3]; word fourth[3]; };
struct user { struct task *task; struct thread thread; };
