/*
 * Functions for modules that libc.a has in a form that is wrong for them.
 *
 * A shared library brings its own atexit, at_quick_exit and pthread_atfork (libc_nonshared.a), so that what it
 * registers carries its __dso_handle, and goes when the library goes. The ones in libc.a speak for the program.
 * These here speak for the image that the registered function lies in: the convention is that a module's
 * __dso_handle is the lowest address of its image, and __cxa_finalize(that address) calls and forgets all that
 * it registered, by these and by C++'s __cxa_atexit.
 *
 * The functions that end a process, or replace its program, end a module's thread instead: the process is not the module's.
 */
#define _GNU_SOURCE
#include "signals.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int __cxa_atexit(void (*function)(void *), void *argument, void *dso);
int __cxa_at_quick_exit(void (*function)(void *), void *dso);
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso);
int __pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* NULL stands for the program itself. */
static void *owner(void (*function)(void))
{
    return (void *)(uintptr_t)space_image_at((uintptr_t)function);
}

int space_own___cxa_atexit(void (*function)(void *), void *argument, void *dso);

/* Modules find it under the library's name: see opened.c. */
__attribute__((visibility("default"))) int space_own___cxa_atexit(
    void (*function)(void *), void *argument, void *dso)
{
    uint64_t image = space_image_at((uintptr_t)dso);
    if (image != 0) {
        atomic_fetch_add(space_image_exit_functions(image), 1);
    }
    return __cxa_atexit(function, argument, dso);
}

int atexit(void (*function)(void))
{
    return space_own___cxa_atexit((void (*)(void *))(void *)function, NULL, owner(function));
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

/* glibc's, by the name that Scripts/build-space gives it. */
_Noreturn void space_libc_exit(int status);

/* In a child that a module forked, and before the space serves, they are what they are elsewhere. */
void exit(int status)
{
    space_exit_called(status);
    space_libc_exit(status);
}

void _exit(int status)
{
    space_exit_called(status);
    for (;;) {
        space_libc_syscall(SYS_exit_group, status);
    }
}

void _Exit(int status)
{
    _exit(status);
}

void __run_exit_handlers(int status, void *list, bool runs_list, bool runs_thread);
extern void *__quick_exit_funcs;

void quick_exit(int status)
{
    space_exit_called(status);
    __run_exit_handlers(status, &__quick_exit_funcs, false, false);
    _exit(status);
}

/*
 * execve(2) and its like would put another program into the place of the space, and of all modules. In a child that a module forked
 * they are what they are elsewhere. All of the C library's come to __execve, which ld's --wrap leads here.
 */
int __real___execve(const char *path, char *const *arguments, char *const *environment);
int __wrap___execve(const char *path, char *const *arguments, char *const *environment);
int __wrap___execve(const char *path, char *const *arguments, char *const *environment)
{
    space_execute_called();
    return __real___execve(path, arguments, environment);
}

int execve(const char *path, char *const *arguments, char *const *environment)
{
    return __wrap___execve(path, arguments, environment);
}

int execveat(int folder, const char *path, char *const *arguments, char *const *environment, int flags)
{
    space_execute_called();
    return (int)syscall(SYS_execveat, folder, path, arguments, environment, flags);
}

int fexecve(int file, char *const *arguments, char *const *environment)
{
    return execveat(file, "", arguments, environment, AT_EMPTY_PATH);
}
