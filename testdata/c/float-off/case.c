// Without the feature float, a float is an INT of its size.
//#reject: FLOAT
//#expect: VAR 'f' type_id={INT 'float' size=4 encoding=(none)}
float f;
//#expect: VAR 'd' type_id={INT 'double' size=8 encoding=(none)}
double d;
//#expect: VAR 'ld' type_id={INT 'long double' size=16 encoding=(none)}
long double ld;
//#targets: x86_64
//#run: --features global_var
