// A typedef that its own struct uses; twice, so that it has to be compared.
//#sources: case.c other.c
//#count 1: TYPEDEF 'node_t'
//#count 1: TYPEDEF 'visit_t'
//#count 1: STRUCT 'node'
//#expect: STRUCT 'node' ('next' type_id={PTR type_id={TYPEDEF 'node_t'}}) ('visit' type_id={TYPEDEF 'visit_t'})
#include "types.h"
node_t mine;
