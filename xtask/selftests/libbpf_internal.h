/* Tests include libbpf's own header for its field iterator; ours is in btf.h. */
#include <bpf/btf.h>
