enum request { OPEN, READ, CLOSE };
struct device;
struct operations { int (*transmit)(struct device *, enum request *); };
struct device { struct operations *operations; };
struct device *two;
