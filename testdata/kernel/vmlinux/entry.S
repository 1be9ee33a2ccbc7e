// Functions of the assembler: it describes them without return type or parameters.
//#expect(gcc): FUNC 'copy_page' type_id={FUNC_PROTO ret_type_id={void} vlen=0}
	.text
	.globl	copy_page
	.type	copy_page, @function
copy_page:
	nop
	.size	copy_page, . - copy_page
	.section .note.GNU-stack, "", @progbits
