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

/* _IO_FILE_plus of glibc, libio/libioP.h: the functions of a stream stand behind it, others for one of wide characters. */
struct stream {
    FILE file;
    const void *functions;
};

static FILE *streams[2];
static const void *functions[2];
#define STREAMS (sizeof streams / sizeof streams[0])
/* Not of malloc's: see modspace.h. */
static char output_buffer[BUFSIZ];

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
    streams[0] = stdout;
    streams[1] = stderr;
    for (size_t i = 0; i < STREAMS; i++) {
        functions[i] = ((struct stream *)streams[i])->functions;
    }
    setvbuf(stdout, output_buffer, _IOLBF, sizeof output_buffer);
    /* On a second thread: while there is one only, glibc takes shorter ways through its locks. */
    pthread_t second;
    if (pthread_create(&second, NULL, try_layout, NULL) == 0) {
        pthread_join(second, NULL);
    }
}

/*
 * A module may have given a stream a buffer of its own (setvbuf), or made it one of wide characters, in which printf fails. Next is
 * another module's call.
 */
static void restore(size_t i)
{
    FILE *stream = streams[i];
    bool is_wide = stream->_mode > 0;
    stream->_mode = 0;
    ((struct stream *)stream)->functions = functions[i];
    if (i == 0 && (is_wide || stream->_IO_buf_base != output_buffer)) {
        setvbuf(stream, output_buffer, _IOLBF, sizeof output_buffer);
    } else if (i == 1 && (is_wide || stream->_IO_buf_base != stream->_shortbuf)) {
        setvbuf(stream, NULL, _IONBF, 0);
    }
}

void space_flush_streams(void)
{
    for (size_t i = 0; i < STREAMS; i++) {
        if (ftrylockfile(streams[i]) == 0) {
            fflush_unlocked(streams[i]);
            restore(i);
            funlockfile(streams[i]);
        }
    }
}

void space_forget_buffer(uint64_t image)
{
    if (space_image_at((uintptr_t)stdin->_IO_buf_base) == image && ftrylockfile(stdin) == 0) {
        setvbuf(stdin, NULL, _IONBF, 0);
        funlockfile(stdin);
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
