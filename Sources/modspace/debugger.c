/*
 * The GDB JIT interface (GDB manual, "JIT Compilation Interface"): a list of object files that a debugger reads
 * out of the process, or out of its core file. So the list is right at every instant, not only between two
 * calls: an entry is complete before it is linked, and unlinked before it goes. Each copy lies in anonymous
 * memory, since core files leave out what is mapped from files.
 */
#include "modspace.h"

#include <errno.h>
#include <stdlib.h>
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

/* The first page of a copy's mapping; the object begins on the next one, and is read-only. */
struct object {
    struct jit_code_entry entry;
    uint64_t handle;
    size_t mapped;
};

static uint64_t last_handle;

/* The compiler must not move a store to the list across this. */
static void fence(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

static void tell(uint32_t action, struct jit_code_entry *entry)
{
    __jit_debug_descriptor.relevant_entry = entry;
    __jit_debug_descriptor.action_flag = action;
    fence();
    __jit_debug_register_code();
    __jit_debug_descriptor.action_flag = JIT_NOACTION;
    __jit_debug_descriptor.relevant_entry = NULL;
}

static int read_whole(int file, char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(file, bytes + done, size - done, (off_t)done);
        if (got == 0) {
            return EIO;
        }
        if (got < 0 && errno != EINTR) {
            return errno;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

/* Makes the copy; on success *object is its first page. */
static int copy_object(int file, size_t size, struct object **object)
{
    size_t mapped = space_page_size + size;
    char *memory = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return errno;
    }
    int error = read_whole(file, memory + space_page_size, size);
    if (error == 0 && mprotect(memory + space_page_size, size, PROT_READ) != 0) {
        error = errno;
    }
    if (error != 0) {
        munmap(memory, mapped);
        return error;
    }
    *object = (struct object *)(void *)memory;
    (*object)->entry.symfile_addr = memory + space_page_size;
    (*object)->entry.symfile_size = size;
    (*object)->mapped = mapped;
    return 0;
}

int space_register(int file, int64_t *handle)
{
    struct stat status;
    if (fstat(file, &status) != 0) {
        return errno;
    }
    if (!S_ISREG(status.st_mode) || status.st_size <= 0) {
        return EINVAL;
    }
    struct object *object = NULL;
    int error = copy_object(file, (size_t)status.st_size, &object);
    if (error != 0) {
        return error;
    }
    object->handle = ++last_handle;
    struct jit_code_entry *next = __jit_debug_descriptor.first_entry;
    object->entry.next_entry = next;
    fence();
    __jit_debug_descriptor.first_entry = &object->entry;
    fence();
    if (next != NULL) {
        next->prev_entry = &object->entry;
    }
    tell(JIT_REGISTER, &object->entry);
    *handle = (int64_t)object->handle;
    return 0;
}

static struct object *find(uint64_t handle)
{
    struct jit_code_entry *entry = __jit_debug_descriptor.first_entry;
    while (entry != NULL && ((struct object *)entry)->handle != handle) {
        entry = entry->next_entry;
    }
    return (struct object *)entry;
}

int space_unregister(uint64_t handle)
{
    struct object *object = find(handle);
    if (object == NULL) {
        return ENOENT;
    }
    struct jit_code_entry *previous = object->entry.prev_entry;
    struct jit_code_entry *next = object->entry.next_entry;
    if (previous != NULL) {
        previous->next_entry = next;
    } else {
        __jit_debug_descriptor.first_entry = next;
    }
    fence();
    if (next != NULL) {
        next->prev_entry = previous;
    }
    tell(JIT_UNREGISTER, &object->entry);
    munmap(object, object->mapped);
    return 0;
}
