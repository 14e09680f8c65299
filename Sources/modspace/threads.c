/*
 * Thread-local variables of modules.
 *
 * The linker makes of every way to reach a thread-local variable the shortest: a fixed distance from the thread
 * pointer (psABI, "Linker Optimization", to the local exec model). So each thread must have a module's variables
 * at the same distance. Such room is part of a thread from its start, in the block of this program's own
 * thread-local variables: the reserve. The daemon allots ranges of it to modules. What a new thread's reserve
 * begins with stands in `initial`.
 *
 * Each thread has each module's first values, once, and before any code of that module runs on it:
 *
 *   - A thread that starts copies `initial` into its reserve, before anything of a module runs on it.
 *   - When a module comes, the server puts the module's first values into `initial`, and into the reserve of every
 *     thread that is there.
 *
 * Both under one lock, `changes`. Who is there, glibc's own lists say, under glibc's own lock: pthread_create puts
 * a thread on a list before the thread runs, and takes it off when its memory is about to be given back, so the
 * memory of what is on the list is there. A thread that takes `changes` after the server sees the new values in
 * `initial`; one that took it before is on the list by now. What happens to a thread on the list that is still
 * being made is of no matter: glibc may zero its reserve after the server wrote it, and the thread will copy
 * `initial` later. (A signal to each thread would not do: threads block signals. Nor would a list of our own: a
 * thread may leave by a system call, and glibc may give its memory to another.)
 *
 * Where a thread starts: glibc's start_thread calls __ctype_init in each new thread, whoever made it
 * (pthread_create, thrd_create, C++, a timer), before the thread's function. Scripts/build-space lets that call
 * come here (ld's --wrap), and fails where glibc no longer makes it.
 */
#define _GNU_SOURCE
#include "images.h"
#include "modspace.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * glibc zeroes all of it for each thread that is made, and that costs about as much as making the thread. So it is
 * not larger than modules need: few have more than some hundred bytes.
 */
static __thread unsigned char reserve[SPACE_RESERVE_SIZE] __attribute__((aligned(SPACE_RESERVE_ALIGNMENT)));
static unsigned char initial[SPACE_RESERVE_SIZE];
/* All of `initial` from here on is zero, as the reserve of a new thread is. */
static size_t initial_size;
/* Protects both: 0 free, 1 taken, 2 taken and waited for. */
static _Atomic uint32_t changes;

/* ---- glibc's list of threads ---- */

/* include/list_t.h */
struct list {
    struct list *next;
    struct list *previous;
};
/* nptl/nptl-stack.h, sysdeps/nptl/ldsodefs.h: threads with a stack of glibc's, and with one of their own. */
extern struct list _dl_stack_used, _dl_stack_user;
/* A lock of the same three states as `changes`. */
extern _Atomic uint32_t _dl_stack_cache_lock;
/* nptl/db_info.c, for debuggers: size in bits, number and offset of the list's entry in a thread's descriptor. */
extern const uint32_t _thread_db_pthread_list[3];

static bool lock(_Atomic uint32_t *futex, const struct timespec *wait)
{
    uint32_t state = 0;
    if (atomic_compare_exchange_strong(futex, &state, 1)) {
        return true;
    }
    while (atomic_exchange(futex, 2) != 0) {
        errno = 0;
        space_futex_wait(futex, 2, wait);
        if (errno == ETIMEDOUT) {
            return false;
        }
    }
    return true;
}

static void unlock(_Atomic uint32_t *futex)
{
    if (atomic_exchange(futex, 0) == 2) {
        space_futex_wake(futex);
    }
}

/* A thread's descriptor is at its thread pointer, and pthread_self is the address of it. */
static ptrdiff_t reserve_offset(void)
{
    return (ptrdiff_t)((uintptr_t)reserve - (uintptr_t)pthread_self());
}

static void write_list(const struct list *threads, size_t offset, size_t size)
{
    ptrdiff_t distance = reserve_offset() - (ptrdiff_t)_thread_db_pthread_list[2];
    for (const struct list *it = threads->next; it != threads; it = it->next) {
        unsigned char *place = (unsigned char *)((uintptr_t)it + (uintptr_t)distance);
        memcpy(place + offset, initial + offset, size);
    }
}

/* Copies a range of `initial` into each thread. */
static int write_threads(size_t offset, size_t size)
{
    /* A thread that was stopped in pthread_create may have it, and keep it. */
    const struct timespec patience = {.tv_sec = 1};
    if (!lock(&_dl_stack_cache_lock, &patience)) {
        return EDEADLK;
    }
    write_list(&_dl_stack_used, offset, size);
    write_list(&_dl_stack_user, offset, size);
    unlock(&_dl_stack_cache_lock);
    return 0;
}

/* ---- The server's side ---- */

int64_t space_reserve_offset(void)
{
    return reserve_offset();
}

/* Puts first values into `initial`, and then into each thread. */
static int fill(uint64_t template, size_t size, size_t offset, size_t whole)
{
    int error = space_copy_image(template, size, initial + offset);
    memset(initial + offset + size, 0, whole - size);
    if (error == 0) {
        error = write_threads(offset, whole);
    }
    if (error != 0) {
        memset(initial + offset, 0, whole);
    }
    initial_size = sizeof initial;
    while (initial_size > 0 && initial[initial_size - 1] == 0) {
        initial_size--;
    }
    return error;
}

int space_fill_threads(const struct space_request *request)
{
    uint64_t offset = request->arguments[0];
    uint64_t whole = request->arguments[1];
    if (offset > sizeof initial || whole > sizeof initial - offset || request->size > whole) {
        return EINVAL;
    }
    /* Values of no bytes may begin where the image ends. */
    space_note_threads(request->address - 1, whole, offset);
    lock(&changes, NULL);
    int error = fill(request->address, request->size, offset, whole);
    unlock(&changes);
    return error;
}

/* ---- Executable stacks ---- */

/* nptl/nptl-stack.h: stacks for threads to come. elf/dl-support.c: PF_X is set where new stacks are to be executable. */
extern struct list _dl_stack_cache;
extern ElfW(Word) _dl_stack_flags;
/* elf/dl-execstack.c: for the thread of a descriptor, or a stack that is kept for one. Returns errno. */
int __nptl_change_stack_perm(void *descriptor);
/* elf/dl-support.c: lies in the first page of the initial thread's stack. */
extern void *__libc_stack_end;

static int change_list(const struct list *threads)
{
    int error = 0;
    for (const struct list *it = threads->next; it != threads && error == 0; it = it->next) {
        pthread_t thread = (pthread_t)((uintptr_t)it - _thread_db_pthread_list[2]);
        /* That one has its stack from the kernel. */
        error = thread == space_initial_thread ? 0 : __nptl_change_stack_perm((void *)thread);
    }
    return error;
}

/* Nested functions of gcc, called by address, are code on the stack. Never taken back, as in every process. */
int space_make_stacks_executable(void)
{
    const struct timespec patience = {.tv_sec = 1};
    const int protection = PROT_READ | PROT_WRITE | PROT_EXEC;
    if ((_dl_stack_flags & PF_X) != 0) {
        return 0;
    }
    void *first = (void *)((uintptr_t)__libc_stack_end & ~((uintptr_t)space_page_size - 1));
    if (mprotect(first, space_page_size, protection | PROT_GROWSDOWN) != 0) {
        return errno;
    }
    if (!lock(&_dl_stack_cache_lock, &patience)) {
        return EDEADLK;
    }
    _dl_stack_flags |= PF_X;
    int error = change_list(&_dl_stack_used);
    error = error == 0 ? change_list(&_dl_stack_user) : error;
    error = error == 0 ? change_list(&_dl_stack_cache) : error;
    if (error != 0) {
        _dl_stack_flags &= ~(ElfW(Word))PF_X;
    }
    unlock(&_dl_stack_cache_lock);
    return error;
}

void space_equip_stack(void *start, size_t size)
{
    if ((_dl_stack_flags & PF_X) != 0) {
        (void)mprotect(start, size, PROT_READ | PROT_WRITE | PROT_EXEC);
    }
}

static bool is_on_list(const struct list *threads, pthread_t thread)
{
    for (const struct list *it = threads->next; it != threads; it = it->next) {
        if ((pthread_t)((uintptr_t)it - _thread_db_pthread_list[2]) == thread) {
            return true;
        }
    }
    return false;
}

bool space_is_known_thread(pthread_t thread)
{
    const struct timespec patience = {.tv_sec = 1};
    if (!lock(&_dl_stack_cache_lock, &patience)) {
        return false;
    }
    bool is_known = is_on_list(&_dl_stack_used, thread) || is_on_list(&_dl_stack_user, thread);
    unlock(&_dl_stack_cache_lock);
    return is_known;
}

bool space_each_thread(void (*look)(pthread_t thread, void *argument), void *argument)
{
    const struct timespec patience = {.tv_sec = 1};
    if (!lock(&_dl_stack_cache_lock, &patience)) {
        return false;
    }
    const struct list *const lists[] = {&_dl_stack_used, &_dl_stack_user};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (const struct list *it = lists[i]->next; it != lists[i]; it = it->next) {
            look((pthread_t)((uintptr_t)it - _thread_db_pthread_list[2]), argument);
        }
    }
    unlock(&_dl_stack_cache_lock);
    return true;
}

/* ---- A thread's side ---- */

void __real___ctype_init(void);
void __wrap___ctype_init(void);
void __wrap___ctype_init(void)
{
    __real___ctype_init();
    /*
     * In a forked child there is no server, and `changes` may be in the state of the moment of the fork. In the
     * initial thread this comes before main, and there is no module.
     */
    bool is_child = getpid() != space_process;
    if (!is_child) {
        lock(&changes, NULL);
    }
    memcpy(reserve, initial, initial_size);
    if (!is_child) {
        unlock(&changes);
        space_equip_thread();
    }
}

/*
 * Thread-local variables lie at the end of a thread's stack, and glibc counts them as part of it. The reserve is
 * not to be felt: who asks for a stack of 16 KiB gets 16 KiB and the reserve. Only memory that the caller brings
 * (pthread_attr_setstack) cannot grow: EINVAL where it is too small.
 *
 * libc.a's pthread_create is a weak name of this.
 */
int __pthread_create_2_1(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *), void *argument)
{
    pthread_attr_t larger;
    void *start;
    size_t size;
    /* Without memory of the caller's, the stack "ends" at address 0; and the default size, far above, reads 0. */
    if (attributes != NULL && pthread_attr_getstack(attributes, &start, &size) == 0 && size > 0
        && (uintptr_t)start + size == 0) {
        larger = *attributes;
        if (pthread_attr_setstacksize(&larger, size + sizeof reserve) == 0) {
            attributes = &larger;
        }
    }
    return __pthread_create_2_1(thread, attributes, function, argument);
}
