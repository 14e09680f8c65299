/*
 * Functions for modules that libc.a has in a form that is wrong for them.
 *
 * A shared library brings its own atexit, at_quick_exit and pthread_atfork (libc_nonshared.a), so that what it
 * registers carries its __dso_handle, and goes when the library goes. The ones in libc.a speak for the program.
 * These here speak for the image that the registered function lies in: the convention is that a module's
 * __dso_handle is the lowest address of its image, and __cxa_finalize(that address) calls and forgets all that
 * it registered, by these and by C++'s __cxa_atexit.
 *
 * __tls_get_addr is not in libc.a at all, because linking statically turns its callers into something else.
 */
#include "modspace.h"

#include <stdlib.h>

int __cxa_atexit(void (*function)(void *), void *argument, void *dso);
int __cxa_at_quick_exit(void (*function)(void *), void *dso);
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso);
int __pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
/* Of libgcc: the calling thread's copy of a thread-local variable. */
void *__emutls_get_address(void *control);

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

/* The psABI's argument, as the linker fills it in (R_X86_64_DTPMOD64, R_X86_64_DTPOFF64). */
struct tls_index {
    /*
     * Here the address of the module's control object, four words in writable memory, which libgcc defines for
     * emulated thread-local storage: size and alignment of the module's thread-local variables, 0, and the
     * address of their first values (all `size` bytes of them), or 0 for zeros.
     */
    unsigned long module;
    /* Of the variable, from the start of the module's thread-local variables. */
    unsigned long offset;
};

void *__tls_get_addr(struct tls_index *index);
void *__tls_get_addr(struct tls_index *index)
{
    return (char *)__emutls_get_address((void *)index->module) + index->offset;
}
