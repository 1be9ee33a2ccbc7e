/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What programs written for libbpf expect beside its functions: symbol
 * visibility and the declaration of option structs. Has the include guard of
 * libbpf's header of this name, so that either one serves both.
 */
#ifndef __LIBBPF_LIBBPF_COMMON_H
#define __LIBBPF_LIBBPF_COMMON_H

#include <string.h>

#ifndef LIBBPF_API
#define LIBBPF_API __attribute__((visibility("default")))
#endif

/*
 * LIBBPF_OPTS(type, name, .field = value, ...) declares "struct type name"
 * with its size set, padding zeroed and the given fields filled in.
 */
#define LIBBPF_OPTS(TYPE, NAME, ...)					\
	struct TYPE NAME = ({						\
		memset(&NAME, 0, sizeof(NAME));				\
		(struct TYPE){ .sz = sizeof(NAME), __VA_ARGS__ };	\
	})

#define DECLARE_LIBBPF_OPTS LIBBPF_OPTS

/* Sets the fields of an option struct anew. */
#define LIBBPF_OPTS_RESET(NAME, ...)					\
	do {								\
		__typeof__(NAME) NAME##__fresh = ({			\
			memset(&NAME##__fresh, 0, sizeof(NAME));	\
			(__typeof__(NAME)){				\
				.sz = sizeof(NAME), __VA_ARGS__ };	\
		});							\
		memcpy(&NAME, &NAME##__fresh, sizeof(NAME));		\
	} while (0)

#endif
