// SPDX-License-Identifier: Apache-2.0
// What the C that wasm2c generates needs from its surroundings: one linear memory, one table of functions,
// traps. The names and members are those that the generated C refers to.
#ifndef K8SAUDIT_WASM_RT_H
#define K8SAUDIT_WASM_RT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define wasm_rt_memcpy memcpy
#define WABT_BIG_ENDIAN 0

// Bounds are checked in software: no guard pages, so no signal handler of ours in Falco's process.
#define WASM_RT_MEMCHECK_GUARD_PAGES 0
#define WASM_RT_USE_SEGUE 0
#define WASM_RT_SEGUE_FREE_SEGMENT 0
#define WASM_RT_SANITY_CHECKS 0

// Calls inside each other are counted per instance, in its memory object. Falco's threads have 8 MiB of
// stack; our deepest frame has some hundred bytes.
#define WASM_RT_STACK_DEPTH_COUNT 1
#define WASM_RT_MAX_CALL_STACK_DEPTH 2000
#define wasm_rt_call_stack_depth (instance->w2c_memory.call_depth)

typedef enum {
    WASM_RT_TRAP_NONE,
    WASM_RT_TRAP_OOB,
    WASM_RT_TRAP_UNREACHABLE,
    WASM_RT_TRAP_EXHAUSTION,
    WASM_RT_TRAP_CALL_INDIRECT,
    WASM_RT_TRAP_DIV_BY_ZERO,
    WASM_RT_TRAP_INT_OVERFLOW,
    WASM_RT_TRAP_INVALID_CONVERSION,
} wasm_rt_trap_t;

// The linear memory: reserved once at its greatest size, so that it never moves; `size` bytes are usable.
typedef struct {
    uint8_t *data;
    uint64_t size;
    uint64_t pages;
    uint64_t max_pages;
    uint32_t call_depth;
} wasm_rt_memory_t;

typedef enum { WASM_RT_I32, WASM_RT_I64, WASM_RT_F32, WASM_RT_F64, WASM_RT_V128 } wasm_rt_type_t;
typedef void (*wasm_rt_function_ptr_t)(void);
typedef const char *wasm_rt_func_type_t;
typedef struct wasm_rt_tailcallee_t {
    void (*fn)(void **instance_ptr, void *tail_call_stack, struct wasm_rt_tailcallee_t *next);
} wasm_rt_tailcallee_t;

typedef struct {
    wasm_rt_func_type_t func_type;
    wasm_rt_function_ptr_t func;
    wasm_rt_tailcallee_t func_tailcallee;
    void *module_instance;
} wasm_rt_funcref_t;

typedef struct {
    wasm_rt_funcref_t *data;
    uint32_t max_size;
    uint32_t size;
} wasm_rt_funcref_table_t;

// Not used by our module; the generated helpers mention them.
typedef void *wasm_rt_externref_t;
typedef struct {
    wasm_rt_externref_t *data;
    uint32_t max_size;
    uint32_t size;
} wasm_rt_externref_table_t;
#define wasm_rt_externref_null_value ((wasm_rt_externref_t)NULL)
#define wasm_rt_funcref_null_value ((wasm_rt_funcref_t){NULL, NULL, {NULL}, NULL})

static inline bool wasm_rt_is_initialized(void) {
    return true;
}

// Traps when there is no memory for it. `page_size` is 65536, `is64` false.
void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint64_t pages, uint64_t max_pages, bool is64,
                             uint32_t page_size);
// Gives the pages before growing, or UINT64_MAX when it cannot grow.
uint64_t wasm_rt_grow_memory(wasm_rt_memory_t *memory, uint64_t delta);
void wasm_rt_free_memory(wasm_rt_memory_t *memory);
void wasm_rt_allocate_funcref_table(wasm_rt_funcref_table_t *table, uint32_t size, uint32_t max_size);
void wasm_rt_free_funcref_table(wasm_rt_funcref_table_t *table);

// What a trap leaves.
struct wasm_rt_frame {
    // What __builtin_setjmp keeps: it takes a fourth of the time of _setjmp, which is a part of each field's.
    void *environment[5];
    struct wasm_rt_frame *outer;
    wasm_rt_trap_t trap;
};

// Where a trap of this thread goes. wasm_rt_trap gets no context, so this cannot live in a plugin state; it
// is only set while a call into the WASM runs. Initial-exec takes 8 bytes of the room that the loader keeps
// for this, and no call to find them.
extern _Thread_local struct wasm_rt_frame *wasm_rt_innermost __attribute__((tls_model("initial-exec")));

// Runs a statement that calls into the WASM; `result` is then WASM_RT_TRAP_NONE, or the trap that ended it.
// Frames of C between here and the trap are left without unwinding: an import must not hold anything while it
// may trap. Behind the statement nothing is trusted to a register: the frame is found where the trap found
// it.
#define WASM_RT_TRY(result, statement)                                                                       \
    do {                                                                                                     \
        struct wasm_rt_frame wasm_rt_frame = {.outer = wasm_rt_innermost};                                   \
        if (__builtin_setjmp(wasm_rt_frame.environment) == 0) {                                              \
            wasm_rt_innermost = &wasm_rt_frame;                                                              \
            statement;                                                                                       \
        }                                                                                                    \
        (result) = wasm_rt_innermost->trap;                                                                  \
        wasm_rt_innermost = wasm_rt_innermost->outer;                                                        \
    } while (0)

// The same as a function: runs `call(context)`.
wasm_rt_trap_t wasm_rt_try(void (*call)(void *), void *context);

// Leaves the innermost WASM_RT_TRY of this thread.
_Noreturn void wasm_rt_trap(wasm_rt_trap_t code);

// English for a trap.
const char *wasm_rt_strerror(wasm_rt_trap_t trap);

#endif
