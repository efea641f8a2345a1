// SPDX-License-Identifier: Apache-2.0
#include "wasm-rt.h"

#include <stdlib.h>
#include <sys/mman.h>

#define PAGE_SIZE 65536ull

#ifndef WASM_MAX_PAGES
#define WASM_MAX_PAGES UINT64_MAX
#endif

_Thread_local struct wasm_rt_frame *wasm_rt_innermost;

wasm_rt_trap_t wasm_rt_try(void (*call)(void *), void *context) {
    wasm_rt_trap_t trap;
    WASM_RT_TRY(trap, call(context));
    return trap;
}

_Noreturn void wasm_rt_trap(wasm_rt_trap_t code) {
    if (wasm_rt_innermost == NULL)
        abort(); // only a call outside WASM_RT_TRY could come here; there is none
    wasm_rt_innermost->trap = code;
    __builtin_longjmp(wasm_rt_innermost->environment, 1);
}

void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint64_t pages, uint64_t max_pages, bool is64,
                             uint32_t page_size) {
    (void)is64;
    (void)page_size;
    if (max_pages > WASM_MAX_PAGES)
        max_pages = WASM_MAX_PAGES;
    void *data =
        mmap(NULL, max_pages * PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED)
        wasm_rt_trap(WASM_RT_TRAP_OOB);
    *memory = (wasm_rt_memory_t){.data = data, .max_pages = max_pages};
    if (wasm_rt_grow_memory(memory, pages) == UINT64_MAX)
        wasm_rt_trap(WASM_RT_TRAP_OOB);
}

uint64_t wasm_rt_grow_memory(wasm_rt_memory_t *memory, uint64_t delta) {
    uint64_t before = memory->pages;
    if (delta > memory->max_pages - before)
        return UINT64_MAX;
    uint8_t *end = memory->data + before * PAGE_SIZE;
    if (delta > 0 && mprotect(end, delta * PAGE_SIZE, PROT_READ | PROT_WRITE) != 0)
        return UINT64_MAX;
    memory->pages += delta;
    memory->size = memory->pages * PAGE_SIZE;
    return before;
}

void wasm_rt_free_memory(wasm_rt_memory_t *memory) {
    if (memory->data != NULL)
        munmap(memory->data, memory->max_pages * PAGE_SIZE);
    *memory = (wasm_rt_memory_t){0};
}

void wasm_rt_allocate_funcref_table(wasm_rt_funcref_table_t *table, uint32_t size, uint32_t max_size) {
    table->data = calloc(size, sizeof(*table->data));
    if (table->data == NULL)
        wasm_rt_trap(WASM_RT_TRAP_OOB);
    table->size = size;
    table->max_size = max_size;
}

void wasm_rt_free_funcref_table(wasm_rt_funcref_table_t *table) {
    free(table->data);
    *table = (wasm_rt_funcref_table_t){0};
}

const char *wasm_rt_strerror(wasm_rt_trap_t trap) {
    switch (trap) {
    case WASM_RT_TRAP_OOB:
        return "out of bounds memory access";
    case WASM_RT_TRAP_UNREACHABLE:
        return "out of memory or a failed assertion";
    case WASM_RT_TRAP_EXHAUSTION:
        return "calls nested too deep";
    case WASM_RT_TRAP_CALL_INDIRECT:
        return "invalid indirect call";
    case WASM_RT_TRAP_DIV_BY_ZERO:
        return "division by zero";
    case WASM_RT_TRAP_INT_OVERFLOW:
    case WASM_RT_TRAP_INVALID_CONVERSION:
        return "number out of range";
    default:
        return "no trap";
    }
}
