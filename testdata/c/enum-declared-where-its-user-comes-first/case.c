// An enum that the first CU only declares fits whatever other CUs define it as: what
// reaches it is one type for all of them. (Declaring an enum is a GNU extension that
// kernel headers make use of, as amdgpu's do.)
//#count 1: STRUCT 'device'
//#count 1: STRUCT 'operations'
//#expect: ENUM 'request' vlen=2
//#expect: ENUM 'request' vlen=3
//#expect: STRUCT 'device' size=8 vlen=1
enum request;
struct device;
struct operations { int (*transmit)(struct device *, enum request *); };
struct device { struct operations *operations; } device;
