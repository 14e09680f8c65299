/* module_hold and module_rele: use counts by name. The daemon says which module is called what, and reads the counts. */
#define _GNU_SOURCE
#include "kernel.h"
#include "modspace.h"

#include <errno.h>
#include <string.h>

#define LIMIT 65536

/* The flags of modules(2) in a use count. */
#define FLAGS 0x60000000l

struct holdable {
    uint64_t image;
    _Atomic long *uses;
    char name[MODLINK_NAME_SIZE];
};

static struct holdable holdables[LIMIT];
static size_t count;

int space_introduce(const struct space_request *request)
{
    struct holdable it = {.image = request->address, .uses = (_Atomic long *)(uintptr_t)request->arguments[0]};
    if (request->size == 0 || request->size >= sizeof it.name || memchr(request->bytes, 0, request->size) != NULL
        || space_image_at(request->address) != request->address || request->address == 0) {
        return EINVAL;
    }
    if (request->arguments[0] % sizeof(long) != 0 || space_image_at(request->arguments[0]) != request->address
        || !space_is_mapped(request->arguments[0], sizeof(long), SPACE_WRITABLE)) {
        return EFAULT;
    }
    memcpy(it.name, request->bytes, request->size);
    sigset_t saved;
    kernel_lock(&saved);
    bool has_room = count < LIMIT;
    if (has_room) {
        holdables[count++] = it;
    }
    kernel_unlock(&saved);
    return has_room ? 0 : ENOMEM;
}

void kernel_forget_names(uint64_t image)
{
    for (size_t i = 0; i < count;) {
        if (holdables[i].image == image) {
            holdables[i] = holdables[--count];
        } else {
            i++;
        }
    }
}

/* The use count of a module, or NULL. */
static _Atomic long *uses_of(const char *name)
{
    char copy[MODLINK_NAME_SIZE];
    _Atomic long *uses = NULL;
    sigset_t saved;
    kernel_copy_name(copy, sizeof copy, name);
    kernel_lock(&saved);
    for (size_t i = 0; i < count && uses == NULL; i++) {
        uses = strcmp(holdables[i].name, copy) == 0 ? holdables[i].uses : NULL;
    }
    kernel_unlock(&saved);
    return uses;
}

int module_hold(const char *name)
{
    _Atomic long *uses = uses_of(name);
    if (uses == NULL) {
        return ENOENT;
    }
    atomic_fetch_add(uses, 1);
    return 0;
}

void module_rele(const char *name)
{
    _Atomic long *uses = uses_of(name);
    long before = uses != NULL ? atomic_load(uses) : 0;
    while ((before & ~FLAGS) != 0 && !atomic_compare_exchange_weak(uses, &before, before - 1)) {
    }
}

int modlink_initialize(int (*initialize)(void), _Atomic long *uses)
{
    atomic_fetch_add(uses, 1);
    int result = initialize();
    atomic_fetch_sub(uses, 1);
    return result;
}
