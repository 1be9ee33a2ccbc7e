/* Per-CPU variables. */
#ifndef PERCPU_H
#define PERCPU_H

#define DEFINE_PER_CPU(type, name) \
	__attribute__((section(".data..percpu"))) __typeof__(type) name
#define DECLARE_PER_CPU(type, name) extern DEFINE_PER_CPU(type, name)

#endif
