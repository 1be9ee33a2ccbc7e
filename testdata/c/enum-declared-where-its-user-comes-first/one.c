enum request { START, STOP };
struct device;
struct operations { int (*transmit)(struct device *, enum request *); };
struct device { struct operations *operations; };
struct device *one;
