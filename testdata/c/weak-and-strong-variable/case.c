// Two definitions of a variable at one address, weak and strong, are one VAR: the
// strong one's. Two entries at one offset would make the kernel refuse it all
// (QUIRK-19).
//#sources: weak.c case.c
//#link: executable
//#count 1: VAR 'wv'
//#expect: VAR 'wv' #$v type_id={INT 'int'} linkage=global
//#expect: DATASEC '.data' (type_id=$v size=4)
int wv = 2;
//#expect: VAR 'other'
int other = 1;
//#run: --features global_var,default
