/*
 * Locks of the C library that a thread has left taken which was stopped in the middle of a call, or has ended by the system call alone.
 * Every later call that wants one would wait until its deadline.
 *
 * Those that keep their owner are released when that is the thread: the locks of streams, and of the list of them. The others keep
 * none. They are held for some instructions only, so one that stays taken has been left: that is known at once when no other thread
 * is there that runs code of modules, and else after a while for those that nothing waits under.
 *
 * What they protect is as it was, or as good: the environment, what is known of the time zone, random numbers. Not so malloc's heaps,
 * where the thread may have been in the middle of a change; it mostly was not, but had found a mistake, and says so with abort(3).
 * A heap that is used again may raise another fault, and that is better than to wait. The console is told.
 *
 * Scripts/build-space makes the list of the locks, `space_locks`, and the names by which they are reached here.
 */
#define _GNU_SOURCE
#include "modspace.h"

#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* How often a lock is looked at while others may hold it, and for how long, in milliseconds. */
#define PATIENCE 100
/* More streams than that are taken for a list that has been damaged. */
#define STREAM_LIMIT 100000

/* _IO_lock_t of glibc, sysdeps/nptl/stdio-lock.h. */
struct stream_lock {
    _Atomic uint32_t futex;
    int depth;
    void *owner;
};

/* genops.c: that of the list of streams. */
extern struct stream_lock space_lock_genops;
extern FILE *_IO_list_all;
/* malloc.c: the arena of a thread, which begins with its lock. */
extern __thread _Atomic uint32_t *space_lock_arena;

/* nptl/db_info.c: size in bits, number, and offset in a thread's descriptor. */
extern const uint32_t _thread_db_pthread_tid[3];

static void release(_Atomic uint32_t *lock)
{
    atomic_store(lock, 0);
    syscall(SYS_futex, lock, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* ---- Streams ---- */

size_t space_peek(const void *from, void *to, size_t size)
{
    struct iovec own = {.iov_base = to, .iov_len = size};
    struct iovec other = {.iov_base = (void *)(uintptr_t)from, .iov_len = size};
    ssize_t count = process_vm_readv(space_process, &own, 1, &other, 1, 0);
    return count < 0 ? 0 : (size_t)count;
}

static void release_owned(struct stream_lock *lock, const void *owner)
{
    struct stream_lock copy;
    if (lock != NULL && space_peek(lock, &copy, sizeof copy) == sizeof copy && copy.owner == owner && copy.futex != 0) {
        lock->depth = 0;
        lock->owner = NULL;
        release(&lock->futex);
    }
}

static void release_streams(pthread_t thread)
{
    void *owner = (void *)(uintptr_t)thread;
    release_owned(&space_lock_genops, owner);
    uint32_t free_lock = 0;
    if (!atomic_compare_exchange_strong(&space_lock_genops.futex, &free_lock, 1)) {
        /* Somebody else changes the list. */
        return;
    }
    FILE *stream = _IO_list_all;
    FILE copy;
    for (size_t i = 0; i < STREAM_LIMIT && stream != NULL && space_peek(stream, &copy, sizeof copy) == sizeof copy; i++) {
        release_owned((struct stream_lock *)copy._lock, owner);
        stream = copy._chain;
    }
    release(&space_lock_genops.futex);
}

/* ---- The others ---- */

static void count_other(pthread_t thread, void *argument)
{
    pid_t number;
    memcpy(&number, (const void *)((uintptr_t)thread + _thread_db_pthread_tid[2]), sizeof number);
    uint32_t kind = space_thread_kind(thread);
    if (number > 0 && number != space_process && (kind == SPACE_THREAD_OTHER || kind == SPACE_THREAD_CALLED)) {
        ++*(size_t *)argument;
    }
}

/* Whether a lock has been left; `is_alone`: nobody else runs code of modules. */
static bool is_left(const _Atomic uint32_t *lock, bool is_alone, bool is_short)
{
    if (atomic_load(lock) == 0) {
        return false;
    }
    if (is_alone || !is_short) {
        return is_alone;
    }
    const struct timespec interval = {.tv_nsec = 1000000};
    for (int i = 0; i < PATIENCE; i++) {
        nanosleep(&interval, NULL);
        if (atomic_load(lock) == 0) {
            return false;
        }
    }
    return true;
}

static void tell_of_heap(void)
{
    static const char line[] = "modspace: what was given up held a lock of malloc, and may have left the heap damaged; "
                               "'modlinkd --stop' ends the space, and the next load begins anew\n";
    (void)!write(STDERR_FILENO, line, sizeof line - 1);
}

void space_release_locks(pthread_t thread)
{
    release_streams(thread);
    size_t others = 0;
    bool is_alone = space_each_thread(count_other, &others) && others == 0;
    for (const struct space_lock *it = space_locks; it->word != NULL; it++) {
        if (is_left(it->word, is_alone, it->is_short)) {
            release(it->word);
            if (it->is_heap) {
                tell_of_heap();
            }
        }
    }
    uintptr_t distance = (uintptr_t)&space_lock_arena - (uintptr_t)pthread_self();
    _Atomic uint32_t *arena = *(_Atomic uint32_t **)((uintptr_t)thread + distance);
    uint32_t state;
    if (arena != NULL && space_peek(arena, &state, sizeof state) == sizeof state && is_left(arena, is_alone, true)) {
        release(arena);
        tell_of_heap();
    }
}
