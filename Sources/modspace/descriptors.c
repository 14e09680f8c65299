/*
 * The descriptors of the space itself, out of the way of modules.
 *
 * Code that makes itself a daemon closes all descriptors that it does not know, and some code closes one twice, when the number is
 * another's already. The sockets of the space are not to be hit by that. So they have high numbers, where there can be some beyond those
 * that loops over all descriptors look at (RLIMIT_NOFILE); and close(2) and its like, as modules find them, know nothing of them.
 *
 * Descriptors 0, 1 and 2 are the module's to change, as in any program; after each call they are what they were.
 */
#define _GNU_SOURCE
#include "modspace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The most descriptors of our own: two sockets, copies of the standard ones, and a socket for each open device. */
#define OWN_LIMIT 1024
/* Beyond that a loop over all descriptors takes long, and who sets the limit so high does not loop. */
#define LIMIT_LIMIT 4096

/* One more than each number; 0: free. In no order. */
static _Atomic int own[OWN_LIMIT];
/* No place behind it is taken. */
static _Atomic uint32_t own_end;

/* Copies of the standard descriptors, and which files they are. */
static struct {
    int copy;
    dev_t device;
    ino_t inode;
} standard[3];

/* ---- Numbers of our own ---- */

bool space_is_own_descriptor(int number)
{
    uint32_t end = atomic_load(&own_end);
    for (uint32_t i = 0; i < end; i++) {
        if (atomic_load(&own[i]) == number + 1) {
            return true;
        }
    }
    return false;
}

/* Notes a number. Returns false when there is no room. */
static bool note(int number)
{
    for (uint32_t i = 0; i < OWN_LIMIT; i++) {
        int expected = 0;
        if (atomic_compare_exchange_strong(&own[i], &expected, number + 1)) {
            uint32_t end = atomic_load(&own_end);
            while (end < i + 1 && !atomic_compare_exchange_weak(&own_end, &end, i + 1)) {
            }
            return true;
        }
    }
    return false;
}

/* The lowest number that a descriptor of our own gets. */
static int lowest(const struct rlimit *limit)
{
    rlim_t soft = limit->rlim_cur < LIMIT_LIMIT ? limit->rlim_cur : LIMIT_LIMIT;
    bool is_beyond = soft == limit->rlim_cur && limit->rlim_max - limit->rlim_cur >= OWN_LIMIT;
    return (int)(is_beyond ? soft : soft / 4 * 3);
}

int space_own_descriptor(int number)
{
    struct rlimit before;
    if (getrlimit(RLIMIT_NOFILE, &before) != 0) {
        return -1;
    }
    /* For the moment of the copy: what is open beyond a limit stays open. */
    struct rlimit all = {.rlim_cur = before.rlim_max, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &all);
    int copy = fcntl(number, F_DUPFD_CLOEXEC, lowest(&before));
    int error = errno;
    setrlimit(RLIMIT_NOFILE, &before);
    if (copy >= 0 && !note(copy)) {
        syscall(SYS_close, copy);
        copy = -1;
        error = EMFILE;
    }
    errno = error;
    return copy;
}

void space_close_own(int number)
{
    uint32_t end = atomic_load(&own_end);
    for (uint32_t i = 0; i < end; i++) {
        if (atomic_load(&own[i]) == number + 1) {
            syscall(SYS_close, number);
            atomic_store(&own[i], 0);
            return;
        }
    }
}

void space_close_all_own(void)
{
    uint32_t end = atomic_load(&own_end);
    for (uint32_t i = 0; i < end; i++) {
        int number = atomic_load(&own[i]) - 1;
        if (number >= 0) {
            syscall(SYS_close, number);
        }
    }
}

bool space_has_descriptors(void)
{
    int copy = fcntl(space_first_lane.socket, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        /* EINVAL: there may be none at all. */
        return errno != EMFILE && errno != EINVAL;
    }
    syscall(SYS_close, copy);
    return true;
}

/* ---- Standard input, output and error ---- */

void space_keep_standard(void)
{
    for (int number = 0; number < 3; number++) {
        struct stat status;
        standard[number].copy = fstat(number, &status) == 0 ? space_own_descriptor(number) : -1;
        standard[number].device = status.st_dev;
        standard[number].inode = status.st_ino;
    }
}

void space_restore_standard(void)
{
    bool is_changed[3] = {false};
    int changes = 0;
    for (int number = 0; number < 3; number++) {
        struct stat status;
        bool is_there = fstat(number, &status) == 0;
        is_changed[number] = standard[number].copy >= 0
            && !(is_there && status.st_dev == standard[number].device && status.st_ino == standard[number].inode);
        if (is_changed[number]) {
            syscall(SYS_dup3, standard[number].copy, number, 0);
            changes++;
        }
    }
    if (changes > 0) {
        char text[128];
        int length = snprintf(text, sizeof text,
            "modspace: descriptor%s%s%s%s: closed or replaced by a module; given back after its call\n", changes > 1 ? "s" : "",
            is_changed[0] ? " 0" : "", is_changed[1] ? " 1" : "", is_changed[2] ? " 2" : "");
        (void)!write(standard[2].copy, text, (size_t)length);
    }
    if (space_leave_descriptors()) {
        static const char text[] = "modspace: limit of open files: a module left the space no descriptor; raised\n";
        (void)!write(standard[2].copy, text, sizeof text - 1);
    }
}

/* ---- What modules find ---- */

/* A child that a module forked has none of ours; the numbers are free there. */
static bool is_ours(int number)
{
    return space_is_own_descriptor(number) && getpid() == space_process;
}

static int refuse(void)
{
    errno = EBADF;
    return -1;
}

int __close(int number);
int __dup2(int from, int to);
int __shutdown(int socket, int how);

int close(int number)
{
    return is_ours(number) ? refuse() : __close(number);
}

int dup2(int from, int to)
{
    return is_ours(to) || is_ours(from) ? refuse() : __dup2(from, to);
}

int dup3(int from, int to, int flags)
{
    return is_ours(to) || is_ours(from) ? refuse() : (int)syscall(SYS_dup3, from, to, flags);
}

int shutdown(int socket, int how)
{
    return is_ours(socket) ? refuse() : __shutdown(socket, how);
}

/* The lowest number of ours from there on; -1: none. */
static int next_own(unsigned from)
{
    int found = -1;
    uint32_t end = atomic_load(&own_end);
    for (uint32_t i = 0; i < end; i++) {
        int number = atomic_load(&own[i]) - 1;
        if (number >= 0 && (unsigned)number >= from && (found < 0 || number < found)) {
            found = number;
        }
    }
    return found;
}

int close_range(unsigned first, unsigned last, int flags)
{
    bool is_child = getpid() != space_process;
    int number;
    while (!is_child && first <= last && (number = next_own(first)) >= 0 && (unsigned)number <= last) {
        if ((unsigned)number > first && syscall(SYS_close_range, first, (unsigned)number - 1, flags) != 0) {
            return -1;
        }
        if ((unsigned)number == last) {
            return 0;
        }
        first = (unsigned)number + 1;
    }
    return (int)syscall(SYS_close_range, first, last, flags);
}

void closefrom(int lowest_number)
{
    unsigned first = lowest_number < 0 ? 0 : (unsigned)lowest_number;
    if (close_range(first, ~0u, 0) == 0) {
        return;
    }
    /* A kernel before 5.9. */
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        for (rlim_t number = first; number < limit.rlim_max && number < (1 << 20); number++) {
            close((int)number);
        }
    }
}
