// A struct that the module defines otherwise than the base: a CU that only declares it
// means the module's where a type that both have says so, and never the base's on
// suspicion. Where nothing tells, the declaration stays one.
//#base: vmlinux.c
//#sources: case.c other.c
//#expect: STRUCT 'port' #$port size=16 vlen=1
//#count 1: STRUCT 'driver'
//#expect: STRUCT 'driver' ('port' type_id={PTR type_id=$port})
//#expect: STRUCT 'user' ('port' type_id={PTR type_id=$port})
//#expect: STRUCT 'lone' ('queue' type_id={PTR type_id={FWD 'queue' fwd_kind=struct}})
struct port { long number[2]; };
struct driver { struct port *port; struct driver *next; } driver;
struct queue { long length; } queue;
