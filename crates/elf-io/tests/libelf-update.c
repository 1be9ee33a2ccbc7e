/* Edits a file in place the way the kernel's resolve_btfids (up to 6.19) does: keeps the layout, marks the contents of
 * one section as changed, and lets libelf write. Usage: libelf-update FILE SECTION */
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, elf_errmsg(-1));
	return 1;
}

int main(int argc, char **argv)
{
	size_t names;
	Elf_Scn *scn = NULL;

	if (argc != 3 || elf_version(EV_CURRENT) == EV_NONE)
		return 2;
	int fd = open(argv[1], O_RDWR);
	Elf *elf = elf_begin(fd, ELF_C_RDWR_MMAP, NULL);
	if (!elf)
		return fail("elf_begin");
	elf_flagelf(elf, ELF_C_SET, ELF_F_LAYOUT);
	if (elf_getshdrstrndx(elf, &names))
		return fail("elf_getshdrstrndx");
	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr header;
		if (!gelf_getshdr(scn, &header))
			return fail("gelf_getshdr");
		const char *name = elf_strptr(elf, names, header.sh_name);
		if (!name || strcmp(name, argv[2]))
			continue;
		Elf_Data *data = elf_getdata(scn, NULL);
		if (!data)
			return fail("elf_getdata");
		memset(data->d_buf, 'x', data->d_size);
		elf_flagdata(data, ELF_C_SET, ELF_F_DIRTY);
		if (elf_update(elf, ELF_C_WRITE) < 0)
			return fail("elf_update");
		elf_end(elf);
		return 0;
	}
	fprintf(stderr, "no section\n");
	return 1;
}
