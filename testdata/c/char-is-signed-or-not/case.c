// Plain char has the sign of the target's ABI, and never the encoding CHAR.
//#targets: native s390x arm
//#expect(x86_64): VAR 'plain' type_id={INT 'char' size=1 nr_bits=8 encoding=SIGNED}
//#expect(!x86_64): VAR 'plain' type_id={INT 'char' size=1 nr_bits=8 encoding=(none)}
char plain;
//#expect: VAR 'minus' type_id={INT 'signed char' size=1 nr_bits=8 encoding=SIGNED}
signed char minus;
//#expect: VAR 'byte' type_id={INT 'unsigned char' size=1 nr_bits=8 encoding=(none)}
unsigned char byte;
//#reject: INT encoding=CHAR
//#run: --features global_var
