/*
 * The GDB JIT interface (GDB manual, "JIT Compilation Interface"): a list of object files that a debugger reads
 * out of the process, or out of its core file. So the list is right at every instant, not only between two
 * calls: an entry is complete before it is linked, and unlinked before it goes.
 *
 * The objects of an image come in one file, which is mapped as it is, so that nothing is copied. Its first page has the
 * list's entries, and is written to: what is mapped from a file is part of core files if it is private and some of
 * it has been written (core(5); Linux, vma_dump_size; gdb's gcore does as the kernel does).
 */
#define _GNU_SOURCE
#include "modspace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The names and the layout are the debugger's. */
enum jit_action { JIT_NOACTION, JIT_REGISTER, JIT_UNREGISTER };

struct jit_code_entry {
    struct jit_code_entry *next_entry;
    struct jit_code_entry *prev_entry;
    const char *symfile_addr;
    uint64_t symfile_size;
};

struct jit_descriptor {
    uint32_t version;
    uint32_t action_flag;
    struct jit_code_entry *relevant_entry;
    struct jit_code_entry *first_entry;
};

extern struct jit_descriptor __jit_debug_descriptor;
struct jit_descriptor __jit_debug_descriptor = {.version = 1};

/* The debugger has a breakpoint here. */
void __jit_debug_register_code(void);
__attribute__((noinline)) void __jit_debug_register_code(void)
{
    __asm__ volatile("" ::: "memory");
}

/* What the space keeps in the reserved words of a file of objects: the entry of each, and how much is mapped. */
static struct jit_code_entry *entry_of(struct space_debug_object *object)
{
    _Static_assert(sizeof(struct jit_code_entry) <= sizeof object->reserved, "an entry of the list needs more room");
    return (struct jit_code_entry *)(void *)object->reserved;
}

static struct space_debug_object *first_object(struct space_debug_header *header)
{
    return (struct space_debug_object *)(void *)(header + 1);
}

/* The compiler must not move a store to the list across this. */
static void fence(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

static bool has_breakpoint(void)
{
    return space_has_breakpoint((uintptr_t)__jit_debug_register_code);
}

/*
 * A debugger that is killed takes its breakpoints along no more than anything else. Without anybody to take it, the trap would end the
 * space.
 */
static void announce(void)
{
    if (has_breakpoint() && !space_is_traced()) {
        space_drop_breakpoint((uintptr_t)__jit_debug_register_code);
        if (has_breakpoint()) {
            return;
        }
    }
    __jit_debug_register_code();
}

static void tell(uint32_t action, struct jit_code_entry *entry)
{
    __jit_debug_descriptor.relevant_entry = entry;
    __jit_debug_descriptor.action_flag = action;
    fence();
    announce();
    __jit_debug_descriptor.action_flag = JIT_NOACTION;
    __jit_debug_descriptor.relevant_entry = NULL;
}

static void link_entry(struct jit_code_entry *entry)
{
    struct jit_code_entry *next = __jit_debug_descriptor.first_entry;
    entry->next_entry = next;
    entry->prev_entry = NULL;
    fence();
    __jit_debug_descriptor.first_entry = entry;
    fence();
    if (next != NULL) {
        next->prev_entry = entry;
    }
    tell(JIT_REGISTER, entry);
}

static void unlink_entry(struct jit_code_entry *entry)
{
    struct jit_code_entry *previous = entry->prev_entry;
    struct jit_code_entry *next = entry->next_entry;
    if (previous != NULL) {
        previous->next_entry = next;
    } else {
        __jit_debug_descriptor.first_entry = next;
    }
    fence();
    if (next != NULL) {
        next->prev_entry = previous;
    }
    tell(JIT_UNREGISTER, entry);
}

/* Whether all objects lie in the file. */
static bool are_inside(struct space_debug_header *header, uint64_t size)
{
    if (header->count == 0 || header->count > (size - sizeof *header) / sizeof(struct space_debug_object)) {
        return false;
    }
    const struct space_debug_object *objects = first_object(header);
    for (uint64_t i = 0; i < header->count; i++) {
        if (objects[i].size == 0 || objects[i].size > size || objects[i].offset > size - objects[i].size) {
            return false;
        }
    }
    return true;
}

int space_register(uint64_t image, int file, int64_t *address)
{
    struct stat status;
    if (fstat(file, &status) != 0) {
        return errno;
    }
    uint64_t size = (uint64_t)status.st_size;
    if (!S_ISREG(status.st_mode) || size < sizeof(struct space_debug_header) || (size_t)size != size) {
        return EINVAL;
    }
    void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    if (mapped == MAP_FAILED) {
        return errno;
    }
    struct space_debug_header *header = mapped;
    if (!are_inside(header, size)) {
        munmap(mapped, size);
        return EINVAL;
    }
    header->reserved = size;
    space_unregister(image);
    *space_image_objects(image) = header;
    struct space_debug_object *objects = first_object(header);
    for (uint64_t i = 0; i < header->count; i++) {
        struct jit_code_entry *entry = entry_of(&objects[i]);
        entry->symfile_addr = (const char *)mapped + objects[i].offset;
        entry->symfile_size = objects[i].size;
        link_entry(entry);
    }
    *address = (int64_t)(uintptr_t)mapped;
    return 0;
}

void space_unregister(uint64_t image)
{
    struct space_debug_header *header = *space_image_objects(image);
    if (header == NULL) {
        return;
    }
    struct space_debug_object *objects = first_object(header);
    for (uint64_t i = 0; i < header->count; i++) {
        unlink_entry(entry_of(&objects[i]));
    }
    *space_image_objects(image) = NULL;
    munmap(header, header->reserved);
}

/* The line of proc(5) is `TracerPid: 0` when nobody traces. */
bool space_is_traced(void)
{
    static const char label[] = "\nTracerPid:\t";
    char text[1024];
    int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0) {
        return false;
    }
    text[length] = '\0';
    const char *line = strstr(text, label);
    return line != NULL && line[sizeof label - 1] != '0';
}

/* ---- Breakpoints of debuggers that have gone ---- */

/* int3 of x86: its address is one less than where the thread is when it has trapped. */
#define BREAKPOINT 0xcc

bool space_has_breakpoint(uint64_t address)
{
    return *(const volatile unsigned char *)(uintptr_t)address == BREAKPOINT;
}

void space_drop_breakpoint(uint64_t address)
{
    uintptr_t page = (uintptr_t)address / space_page_size * space_page_size;
    /* A page of code is a private one of a file: what has been written to it goes, and it is again what the file says. */
    (void)madvise((void *)page, space_page_size, MADV_DONTNEED);
}

extern const char __executable_start[], __etext[];

bool space_survives_breakpoint(uint64_t address)
{
    bool is_own = address >= (uintptr_t)__executable_start && address < (uintptr_t)__etext;
    if ((!is_own && !space_is_code_of_file(address)) || !space_has_breakpoint(address) || space_is_traced()) {
        return false;
    }
    space_drop_breakpoint(address);
    /* One that is still there stands in the file: the compiler has put it there. */
    return !space_has_breakpoint(address);
}
