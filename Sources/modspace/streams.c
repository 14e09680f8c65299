/*
 * stdout and stderr, the module's way to the console.
 *
 * Output appears line by line, and all of it before the reply to the call that printed it. The usual crash of a
 * module that prints, a bad pointer to printf's %s, happens while printf holds the stream's lock, and the
 * thread never comes back to unlock it: every later printf of every module would wait for ever. So the lock of
 * a stopped thread is broken. glibc offers no call for it. The lock's layout, unchanged since 2004, is tried
 * before it is relied on.
 */
#define _GNU_SOURCE
#include "modspace.h"

#include <linux/futex.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* _IO_lock_t of glibc, sysdeps/nptl/stdio-lock.h. */
struct stream_lock {
    _Atomic uint32_t futex;
    int depth;
    void *owner;
};

static FILE *streams[2];
#define STREAMS (sizeof streams / sizeof streams[0])

static bool is_layout_known;

static struct stream_lock *lock_of(FILE *stream)
{
    return (struct stream_lock *)stream->_lock;
}

/* A pthread_t is the address of the thread's descriptor, which is what the lock's owner is. */
static void *descriptor(pthread_t thread)
{
    return (void *)(uintptr_t)thread;
}

static void *try_layout(void *unused)
{
    (void)unused;
    const struct stream_lock *lock = lock_of(stdout);
    bool free_before = lock->futex == 0 && lock->depth == 0 && lock->owner == NULL;
    flockfile(stdout);
    bool held = lock->futex != 0 && lock->owner == descriptor(pthread_self());
    int depth = lock->depth;
    flockfile(stdout);
    bool deeper = lock->depth == depth + 1;
    funlockfile(stdout);
    funlockfile(stdout);
    bool free_after = lock->futex == 0 && lock->depth == 0 && lock->owner == NULL;
    is_layout_known = free_before && held && deeper && free_after;
    return NULL;
}

void space_prepare_streams(void)
{
    /* Of its own, and not malloc's: see modspace.h. */
    static char buffer[BUFSIZ];
    streams[0] = stdout;
    streams[1] = stderr;
    setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
    /* On a second thread: while there is one only, glibc takes shorter ways through its locks. */
    pthread_t second;
    if (pthread_create(&second, NULL, try_layout, NULL) == 0) {
        pthread_join(second, NULL);
    }
}

void space_flush_streams(void)
{
    for (size_t i = 0; i < STREAMS; i++) {
        if (ftrylockfile(streams[i]) == 0) {
            fflush_unlocked(streams[i]);
            funlockfile(streams[i]);
        }
    }
}

void space_unlock_streams(pthread_t thread)
{
    for (size_t i = 0; is_layout_known && i < STREAMS; i++) {
        struct stream_lock *lock = lock_of(streams[i]);
        if (lock->owner == descriptor(thread)) {
            lock->depth = 0;
            lock->owner = NULL;
            atomic_store(&lock->futex, 0);
            syscall(SYS_futex, &lock->futex, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        }
    }
}
