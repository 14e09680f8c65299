/*
 * Which module has opened which descriptor.
 *
 * A module that has faulted cannot close what it has opened, and a server that is to be loaded again needs its port. So the
 * functions of the C library that make descriptors note for which image they did: the one that the caller's code lies in.
 * Modules find these here under the library's names (Scripts/build-space gives them those), the library itself does not: what
 * it opens for itself is nobody's.
 *
 * Nothing is noted when a descriptor is closed. An entry is of a descriptor as long as the file behind it is the same one.
 */
#define _GNU_SOURCE
#include "modspace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* What has a greater number is not noted. */
#define LIMIT 65536

struct entry {
    /* The lowest address of the image; 0: nobody's. */
    _Atomic uint32_t image;
    /* Tells the file from others. */
    uint32_t mark;
    /* The stream that reads and writes it; NULL: none. */
    _Atomic(FILE *) stream;
};

static struct entry entries[LIMIT];
/* No entry from here on is anybody's. */
static _Atomic uint32_t end;

/* Returns false when it is not open. */
static bool read_mark(int descriptor, uint32_t *mark)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0) {
        return false;
    }
    *mark = (uint32_t)status.st_ino ^ (uint32_t)status.st_dev << 20 ^ (uint32_t)status.st_mode << 8;
    return true;
}

/* Notes that code around `caller` has opened a descriptor, and returns it. Leaves errno as it was. */
static int note(int descriptor, const void *caller)
{
    /* Standard input and output stay the space's, whatever a module puts in their place. */
    if (descriptor <= STDERR_FILENO || descriptor >= LIMIT) {
        return descriptor;
    }
    int before = errno;
    struct entry *it = &entries[descriptor];
    uint32_t image = (uint32_t)space_image_at((uintptr_t)caller);
    if (image != 0 && read_mark(descriptor, &it->mark)) {
        uint32_t known = atomic_load(&end);
        while (known <= (uint32_t)descriptor && !atomic_compare_exchange_weak(&end, &known, (uint32_t)descriptor + 1)) {
        }
    }
    atomic_store(&it->stream, NULL);
    atomic_store(&it->image, image);
    errno = before;
    return descriptor;
}

static FILE *note_stream(FILE *stream, const void *caller)
{
    int descriptor = stream == NULL ? -1 : fileno(stream);
    if (descriptor >= 0 && descriptor < LIMIT) {
        note(descriptor, caller);
        atomic_store(&entries[descriptor].stream, stream);
    }
    return stream;
}

static int note_both(int result, const int descriptors[2], const void *caller)
{
    if (result == 0) {
        note(descriptors[0], caller);
        note(descriptors[1], caller);
    }
    return result;
}

static void forget_stream(FILE *stream)
{
    int descriptor = fileno(stream);
    if (descriptor >= 0 && descriptor < LIMIT && atomic_load(&entries[descriptor].stream) == stream) {
        atomic_store(&entries[descriptor].stream, NULL);
        atomic_store(&entries[descriptor].image, 0);
    }
}

/* ---- The server's side ---- */

/* What a stream still holds is dropped, and its descriptor, which is about to be another file's, is not touched by it. */
static void cut_off(FILE *stream, int descriptor)
{
    if (stream != NULL && stream->_fileno == descriptor) {
        stream->_IO_write_ptr = stream->_IO_write_base;
        stream->_fileno = -1;
    }
}

int space_descriptors(uint64_t image, bool closes, struct space_reply *reply)
{
    int count = 0;
    uint32_t limit = atomic_load(&end);
    for (uint32_t i = 0; i < limit; i++) {
        uint32_t mark;
        if (atomic_load(&entries[i].image) != (uint32_t)image || !read_mark((int)i, &mark) || mark != entries[i].mark) {
            continue;
        }
        if (count < SPACE_ADDRESS_LIMIT) {
            reply->results[count] = i;
        }
        count++;
        if (closes) {
            cut_off(atomic_load(&entries[i].stream), (int)i);
            /* Children that the module has forked may have it too: nobody gets through it any more. */
            (void)shutdown((int)i, SHUT_RDWR);
            close((int)i);
        }
    }
    return count;
}

void space_forget_descriptors(uint64_t image)
{
    uint32_t limit = atomic_load(&end);
    for (uint32_t i = 0; i < limit; i++) {
        if (atomic_load(&entries[i].image) == (uint32_t)image) {
            atomic_store(&entries[i].stream, NULL);
            atomic_store(&entries[i].image, 0);
        }
    }
}

/* ---- What modules call: each as the function of that name in the C library's manual ---- */

#pragma GCC visibility push(default)

#define OWN(name) space_module_##name
#define CALLER __builtin_return_address(0)
/* Of a function with an optional argument, that argument. */
#define OPTIONAL(type, last, value) \
    do { \
        va_list list; \
        va_start(list, last); \
        value = va_arg(list, type); \
        va_end(list); \
    } while (0)

/* The functions that check what _FORTIFY_SOURCE wants, and those of 64-bit offsets; on machines where these differ. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int folder, const char *path, int flags);
int __openat64_2(int folder, const char *path, int flags);

static bool has_mode(int flags)
{
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

int OWN(open)(const char *path, int flags, ...);
int OWN(open)(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (has_mode(flags)) {
        OPTIONAL(mode_t, flags, mode);
    }
    return note(open(path, flags, mode), CALLER);
}

int OWN(open64)(const char *path, int flags, ...);
int OWN(open64)(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (has_mode(flags)) {
        OPTIONAL(mode_t, flags, mode);
    }
    return note(open(path, flags, mode), CALLER);
}

int OWN(openat)(int folder, const char *path, int flags, ...);
int OWN(openat)(int folder, const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (has_mode(flags)) {
        OPTIONAL(mode_t, flags, mode);
    }
    return note(openat(folder, path, flags, mode), CALLER);
}

int OWN(openat64)(int folder, const char *path, int flags, ...);
int OWN(openat64)(int folder, const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (has_mode(flags)) {
        OPTIONAL(mode_t, flags, mode);
    }
    return note(openat(folder, path, flags, mode), CALLER);
}

#define FORWARD(type, name, parameters, noted, call) \
    type OWN(name) parameters; \
    type OWN(name) parameters \
    { \
        return noted(call, CALLER); \
    }

FORWARD(int, __open_2, (const char *path, int flags), note, __open_2(path, flags))
FORWARD(int, __open64_2, (const char *path, int flags), note, __open64_2(path, flags))
FORWARD(int, __openat_2, (int folder, const char *path, int flags), note, __openat_2(folder, path, flags))
FORWARD(int, __openat64_2, (int folder, const char *path, int flags), note, __openat64_2(folder, path, flags))
FORWARD(int, creat, (const char *path, mode_t mode), note, creat(path, mode))
FORWARD(int, creat64, (const char *path, mode_t mode), note, creat(path, mode))
FORWARD(int, dup, (int descriptor), note, dup(descriptor))
FORWARD(int, dup2, (int descriptor, int other), note, dup2(descriptor, other))
FORWARD(int, dup3, (int descriptor, int other, int flags), note, dup3(descriptor, other, flags))
FORWARD(int, socket, (int domain, int type, int protocol), note, socket(domain, type, protocol))
FORWARD(int, accept, (int descriptor, struct sockaddr *address, socklen_t *size), note, accept(descriptor, address, size))
FORWARD(int, accept4, (int descriptor, struct sockaddr *address, socklen_t *size, int flags), note,
    accept4(descriptor, address, size, flags))
FORWARD(int, epoll_create, (int size), note, epoll_create(size))
FORWARD(int, epoll_create1, (int flags), note, epoll_create1(flags))
FORWARD(int, eventfd, (unsigned value, int flags), note, eventfd(value, flags))
FORWARD(int, signalfd, (int descriptor, const sigset_t *signals, int flags), note, signalfd(descriptor, signals, flags))
FORWARD(int, timerfd_create, (int clock, int flags), note, timerfd_create(clock, flags))
FORWARD(int, inotify_init, (void), note, inotify_init())
FORWARD(int, inotify_init1, (int flags), note, inotify_init1(flags))
FORWARD(int, memfd_create, (const char *name, unsigned flags), note, memfd_create(name, flags))
FORWARD(int, shm_open, (const char *name, int flags, mode_t mode), note, shm_open(name, flags, mode))
FORWARD(int, mkstemp, (char *path), note, mkstemp(path))
FORWARD(int, mkstemp64, (char *path), note, mkstemp(path))
FORWARD(int, mkostemp, (char *path, int flags), note, mkostemp(path, flags))
FORWARD(int, mkostemp64, (char *path, int flags), note, mkostemp(path, flags))
FORWARD(int, posix_openpt, (int flags), note, posix_openpt(flags))
FORWARD(FILE *, fopen, (const char *path, const char *mode), note_stream, fopen(path, mode))
FORWARD(FILE *, fopen64, (const char *path, const char *mode), note_stream, fopen(path, mode))
FORWARD(FILE *, freopen, (const char *path, const char *mode, FILE *stream), note_stream, freopen(path, mode, stream))
FORWARD(FILE *, freopen64, (const char *path, const char *mode, FILE *stream), note_stream, freopen(path, mode, stream))
FORWARD(FILE *, fdopen, (int descriptor, const char *mode), note_stream, fdopen(descriptor, mode))
FORWARD(FILE *, tmpfile, (void), note_stream, tmpfile())
FORWARD(FILE *, tmpfile64, (void), note_stream, tmpfile())
FORWARD(FILE *, popen, (const char *command, const char *mode), note_stream, popen(command, mode))

int OWN(pipe)(int descriptors[2]);
int OWN(pipe)(int descriptors[2])
{
    return note_both(pipe(descriptors), descriptors, CALLER);
}

int OWN(pipe2)(int descriptors[2], int flags);
int OWN(pipe2)(int descriptors[2], int flags)
{
    return note_both(pipe2(descriptors, flags), descriptors, CALLER);
}

int OWN(socketpair)(int domain, int type, int protocol, int descriptors[2]);
int OWN(socketpair)(int domain, int type, int protocol, int descriptors[2])
{
    return note_both(socketpair(domain, type, protocol, descriptors), descriptors, CALLER);
}

DIR *OWN(opendir)(const char *path);
DIR *OWN(opendir)(const char *path)
{
    DIR *folder = opendir(path);
    if (folder != NULL) {
        note(dirfd(folder), CALLER);
    }
    return folder;
}

int OWN(fclose)(FILE *stream);
int OWN(fclose)(FILE *stream)
{
    forget_stream(stream);
    return fclose(stream);
}

int OWN(pclose)(FILE *stream);
int OWN(pclose)(FILE *stream)
{
    forget_stream(stream);
    return pclose(stream);
}

/* All commands take a word or nothing, as glibc's own function reads it. */
static int control(int descriptor, int command, void *argument, const void *caller)
{
    int result = fcntl(descriptor, command, argument);
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? note(result, caller) : result;
}

int OWN(fcntl)(int descriptor, int command, ...);
int OWN(fcntl)(int descriptor, int command, ...)
{
    void *argument;
    OPTIONAL(void *, command, argument);
    return control(descriptor, command, argument, CALLER);
}

int OWN(fcntl64)(int descriptor, int command, ...);
int OWN(fcntl64)(int descriptor, int command, ...)
{
    void *argument;
    OPTIONAL(void *, command, argument);
    return control(descriptor, command, argument, CALLER);
}

/* Descriptors that another process has sent. */
ssize_t OWN(recvmsg)(int descriptor, struct msghdr *message, int flags);
ssize_t OWN(recvmsg)(int descriptor, struct msghdr *message, int flags)
{
    ssize_t result = recvmsg(descriptor, message, flags);
    if (result < 0) {
        return result;
    }
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        for (size_t at = CMSG_LEN(0); at + sizeof(int) <= part->cmsg_len; at += sizeof(int)) {
            note(*(int *)(void *)((char *)part + at), CALLER);
        }
    }
    return result;
}
