	.text
	.globl first
	.type first, @function
first:
	ret
	.size first, . - first
	.section .note.GNU-stack, "", @progbits
