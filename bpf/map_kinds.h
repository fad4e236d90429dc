/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_MAP_KINDS_H
#define PROXIP_MAP_KINDS_H

/* Kinds of tables that there are several of; maps.h has those of the data plane, trace_maps.h those of a tracer. */

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define ARRAY_MAP(name, value_type, entries, flags)      \
	struct {                                         \
		__uint(type, BPF_MAP_TYPE_ARRAY);        \
		__uint(max_entries, entries);            \
		__uint(map_flags, flags);                \
		__type(key, __u32);                      \
		__type(value, value_type);               \
	} name SEC(".maps")

#define PER_CPU_MAP(name, value_type, entries)           \
	struct {                                         \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); \
		__uint(max_entries, entries);            \
		__type(key, __u32);                      \
		__type(value, value_type);               \
	} name SEC(".maps")

#define PROGRAM_ARRAY(name, entries)                     \
	struct {                                         \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);   \
		__uint(max_entries, entries);            \
		__uint(key_size, sizeof(__u32));         \
		__uint(value_size, sizeof(__u32));       \
	} name SEC(".maps")

#endif
