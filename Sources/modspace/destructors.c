/*
 * Destructors of thread-local variables (C++ thread_local).
 *
 * A thread that first touches such a variable registers its destructor, to be run when the thread ends. The code is
 * a module's; so the module must not go before. glibc counts such registrations for each shared library, and knows
 * nothing of modules. So the list is kept here, a list a thread, with a count an image; glibc's registration is
 * only told to empty the list at the thread's end. The worker does not end: it runs a module's destructors when the
 * module is unloaded.
 */
#include "modspace.h"

#include <errno.h>
#include <stdlib.h>

struct space_destructor {
    void (*function)(void *);
    void *object;
    /* The lowest address of its image; 0 for code of the space. */
    uint64_t image;
    /* Under way; it is on the list until it has returned. */
    bool begun;
    struct space_destructor *next;
};

/* Newest first. */
static __thread struct space_destructor *pending;

/* glibc's, by the name that Scripts/build-space gives it. */
int space_libc_thread_atexit(void (*function)(void *), void *object, void *dso);
int __cxa_thread_atexit_impl(void (*function)(void *), void *object, void *dso);
int __cxa_thread_atexit(void (*function)(void *), void *object, void *dso);

/* The newest one that has not begun, of an image (0: of any), or NULL. */
static struct space_destructor *find(uint64_t image)
{
    struct space_destructor *it = pending;
    while (it != NULL && (it->begun || (image != 0 && it->image != image))) {
        it = it->next;
    }
    return it;
}

/* Runs those of an image (0: all), also those that are registered meanwhile. */
static void run(uint64_t image)
{
    for (struct space_destructor *it = find(image); it != NULL; it = find(image)) {
        it->begun = true;
        it->function(it->object);
        /* What it counts for is left only now; and newer ones may stand before it. */
        struct space_destructor **link = &pending;
        while (*link != it) {
            link = &(*link)->next;
        }
        *link = it->next;
        if (it->image != 0) {
            atomic_fetch_sub(space_image_destructors(it->image), 1);
        }
        free(it);
    }
}

static void run_all(void *unused)
{
    (void)unused;
    run(0);
}

int __cxa_thread_atexit_impl(void (*function)(void *), void *object, void *dso)
{
    /* glibc's third argument must be some address, and stands for the program when it is of no shared library. */
    struct space_destructor *it = malloc(sizeof *it);
    if (it == NULL || (pending == NULL && space_libc_thread_atexit(run_all, NULL, (void *)&pending) != 0)) {
        free(it);
        return -1;
    }
    *it = (struct space_destructor){.function = function, .object = object};
    it->image = space_image_at((uintptr_t)dso);
    if (it->image == 0) {
        it->image = space_image_at((uintptr_t)function);
    }
    if (it->image != 0) {
        atomic_fetch_add(space_image_destructors(it->image), 1);
    }
    it->next = pending;
    pending = it;
    return 0;
}

/* The C++ library's name for it, for modules without that library. */
int __cxa_thread_atexit(void (*function)(void *), void *object, void *dso)
{
    return __cxa_thread_atexit_impl(function, object, dso);
}

struct space_destructor *const *space_own_destructors(void)
{
    return &pending;
}

struct space_destructor *const *space_destructors_of(pthread_t thread)
{
    uintptr_t distance = (uintptr_t)&pending - (uintptr_t)pthread_self();
    return (struct space_destructor *const *)((uintptr_t)thread + distance);
}

static uint32_t count(const struct space_destructor *it, uint64_t image)
{
    uint32_t count = 0;
    for (; it != NULL; it = it->next) {
        count += it->image == image;
    }
    return count;
}

uint32_t space_own_pending(const struct space_worker *it, uint64_t image)
{
    return it == NULL || it->destructors == NULL ? 0 : count(*it->destructors, image);
}

void space_discard_destructors(const struct space_worker *it, uint64_t image)
{
    if (it == NULL || it->destructors == NULL) {
        return;
    }
    struct space_destructor **link = (struct space_destructor **)it->destructors;
    while (*link != NULL) {
        struct space_destructor *entry = *link;
        if (entry->image == image) {
            *link = entry->next;
            atomic_fetch_sub(space_image_destructors(image), 1);
            /* Not freed: the module's fault may have left the heap locked. */
        } else {
            link = &entry->next;
        }
    }
}

int space_finish_thread(uint64_t image)
{
    if (image != 0 && space_image_at(image) != image) {
        return EINVAL;
    }
    run(image);
    return 0;
}

void space_forget_destructors(struct space_destructor *const *list)
{
    /* Nothing is freed: the heap may be locked for ever. */
    for (const struct space_destructor *it = *list; it != NULL; it = it->next) {
        if (it->image != 0) {
            atomic_fetch_sub(space_image_destructors(it->image), 1);
        }
    }
}
