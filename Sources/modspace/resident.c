/*
 * Functions for modules that libc.a has in a form that is wrong for them.
 *
 * A shared library brings its own atexit, at_quick_exit and pthread_atfork (libc_nonshared.a), so that what it
 * registers carries its __dso_handle, and goes when the library goes. The ones in libc.a speak for the program.
 * These here speak for the image that the registered function lies in: the convention is that a module's
 * __dso_handle is the lowest address of its image, and __cxa_finalize(that address) calls and forgets all that
 * it registered, by these and by C++'s __cxa_atexit.
 */
#include "modspace.h"

#include <stdlib.h>

int __cxa_atexit(void (*function)(void *), void *argument, void *dso);
int __cxa_at_quick_exit(void (*function)(void *), void *dso);
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso);
int __pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* NULL stands for the program itself. */
static void *owner(void (*function)(void))
{
    return (void *)(uintptr_t)space_image_at((uintptr_t)function);
}

int atexit(void (*function)(void))
{
    return __cxa_atexit((void (*)(void *))(void *)function, NULL, owner(function));
}

int at_quick_exit(void (*function)(void))
{
    return __cxa_at_quick_exit((void (*)(void *))(void *)function, owner(function));
}

int __pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    void (*one)(void) = prepare != NULL ? prepare : parent != NULL ? parent : child;
    return __register_atfork(prepare, parent, child, owner(one));
}

int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    return __pthread_atfork(prepare, parent, child);
}
