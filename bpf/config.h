/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef PROXIP_CONFIG_H
#define PROXIP_CONFIG_H

/* Set by the agent before the load; constant to the verifier, which removes what they rule out. */

#include <linux/types.h>
#include <stdbool.h>

/* Decide, but commit nothing: no map is written but `decision`. The same object, loaded a second time for explain. */
const volatile bool dry_run = false;

const volatile __u32 max_connections = 1;
const volatile __u32 conn_buckets = 1; /* abi_buckets() of it */

/* Of the map `table_seed`. */
const volatile __u64 table_secret[4] = {};

#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile typeof(x) *)&(x) = (value))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define barrier() asm volatile("" ::: "memory")

#ifndef memcpy
#define memcpy __builtin_memcpy
#define memset __builtin_memset
#endif

#endif
