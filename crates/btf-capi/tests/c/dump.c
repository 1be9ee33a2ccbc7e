/* C definitions a type at a time, with the BTF growing in between. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <bpf/btf.h>

static char text[4096];

static void print(void *ctx, const char *fmt, va_list args)
{
	size_t len = strlen(text);

	assert(ctx == text);
	vsnprintf(text + len, sizeof(text) - len, fmt, args);
}

static void count(void *ctx, const char *fmt, va_list args)
{
	*(size_t *)ctx += vsnprintf(NULL, 0, fmt, args);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Dumps n structs one by one; returns the time that takes. */
static double dump_all(int n)
{
	struct btf *btf = btf__new_empty();
	struct btf_dump *d;
	size_t printed = 0;
	char name[32];
	double start;
	int i;

	assert(btf__add_int(btf, "int", 4, BTF_INT_SIGNED) == 1);
	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		assert(btf__add_struct(btf, name, 4) == i + 2);
		assert(btf__add_field(btf, "x", 1, 0, 0) == 0);
	}
	start = seconds();
	d = btf_dump__new(btf, count, &printed, NULL);
	assert(d);
	for (i = 1; i < (int)btf__type_cnt(btf); i++)
		assert(btf_dump__dump_type(d, i) == 0);
	start = seconds() - start;
	assert(printed > 20 * (size_t)n);
	btf_dump__free(d);
	btf__free(btf);
	return start;
}

int main(void)
{
	struct btf *btf = btf__new_empty();
	double small, large;
	struct btf_dump *d;

	btf__set_pointer_size(btf, 8);
	assert(btf__add_int(btf, "int", 4, BTF_INT_SIGNED) == 1);
	assert(btf__add_struct(btf, "inner", 4) == 2);
	assert(btf__add_field(btf, "percent", 1, 0, 0) == 0);
	assert(btf__add_struct(btf, "outer", 4) == 3);
	assert(btf__add_field(btf, "in", 2, 0, 0) == 0);

	assert(!btf_dump__new(btf, NULL, NULL, NULL) && errno == EINVAL);
	d = btf_dump__new(btf, print, text, NULL);
	assert(d);
	assert(btf_dump__dump_type(d, 3) == 0);
	assert(!strcmp(text, "struct inner {\n\tint percent;\n};\n\n"
			     "struct outer {\n\tstruct inner in;\n};\n\n"));
	text[0] = 0;
	/* What is there is not there again. */
	assert(btf_dump__dump_type(d, 2) == 0 && btf_dump__dump_type(d, 3) == 0);
	assert(btf_dump__dump_type(d, 0) == 0 && !text[0]);
	assert(btf_dump__dump_type(d, 4) == -EINVAL && !text[0]);

	assert(btf__add_ptr(btf, 3) == 4);
	assert(btf__add_typedef(btf, "outer_ptr", 4) == 5);
	assert(btf_dump__dump_type(d, 5) == 0);
	assert(!strcmp(text, "typedef struct outer *outer_ptr;\n\n"));
	text[0] = 0;

	/* A struct in itself is an error, and the next type is none the worse. */
	assert(btf__add_struct(btf, "loop", 4) == 6);
	assert(btf__add_field(btf, "self", 6, 0, 0) == 0);
	assert(btf__add_typedef(btf, "fine", 1) == 7);
	assert(btf_dump__dump_type(d, 6) < 0 && !text[0]);
	assert(btf_dump__dump_type(d, 7) == 0);
	assert(!strcmp(text, "typedef int fine;\n\n"));
	btf_dump__free(d);
	btf__free(btf);

	/* Time is linear in the number of types: were it quadratic, 16 times as
	 * many would take 256 times as long.
	 */
	small = dump_all(1000);
	large = dump_all(16000);
	assert(large < 64 * small + 0.1);
	puts("ok");
	return 0;
}
