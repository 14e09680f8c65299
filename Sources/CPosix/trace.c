/* Processes that stand still while they are looked at (ptrace(2)), and their memory. */
#define _GNU_SOURCE
#include "CPosix.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE_SIZE ((uint64_t)4096)
/* Of an entry of /proc/PID/pagemap: bit 63, the page is in memory; bit 62, it is swapped out (pagemap of the kernel's documentation). */
#define PAGE_IS_THERE ((uint64_t)3 << 62)

int cposix_trace_seize(pid_t thread) {
    if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) < 0)
        return -1;
    return (int)ptrace(PTRACE_INTERRUPT, thread, NULL, NULL);
}

int cposix_trace_wait(pid_t thread, int milliseconds, int *signal) {
    const struct timespec interval = {.tv_nsec = 100000};
    for (int round = 0; round <= milliseconds * 10; round++) {
        siginfo_t info = {0};
        /* WNOWAIT: how the process ended is for its parent to learn, which another thread of this process is. */
        if (waitid(P_PID, (id_t)thread, &info, WSTOPPED | WEXITED | WNOWAIT | WNOHANG | __WALL) < 0) {
            if (errno == EINTR)
                continue;
            return errno == ECHILD ? 0 : -1;
        }
        if (info.si_pid == thread) {
            if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED)
                return 0;
            /* PTRACE_EVENT_STOP is what was asked for; anything else is a signal on its way. */
            *signal = info.si_status >> 8 != 0 ? 0 : info.si_status & 0x7f;
            return 1;
        }
        nanosleep(&interval, NULL);
    }
    return 0;
}

void cposix_bury_thread(pid_t thread) {
    siginfo_t info = {0};
    (void)waitid(P_PID, (id_t)thread, &info, WEXITED | WNOHANG | __WALL);
}

int cposix_trace_release(pid_t thread, int signal) {
    return (int)ptrace(PTRACE_DETACH, thread, NULL, (void *)(intptr_t)signal);
}

ssize_t cposix_trace_registers(pid_t thread, unsigned set, void *bytes, size_t count) {
    struct iovec place = {.iov_base = bytes, .iov_len = count};
    if (ptrace(PTRACE_GETREGSET, thread, (void *)(uintptr_t)set, &place) < 0)
        return -1;
    return (ssize_t)place.iov_len;
}

ssize_t cposix_read_memory(pid_t process, uint64_t address, void *bytes, size_t count) {
    struct iovec own = {.iov_base = bytes, .iov_len = count};
    struct iovec other = {.iov_base = (void *)(uintptr_t)address, .iov_len = count};
    return process_vm_readv(process, &own, 1, &other, 1, 0);
}

static int is_zero(const char *page) { return page[0] == 0 && memcmp(page, page + 1, PAGE_SIZE - 1) == 0; }

static int write_all(int file, const char *bytes, size_t count, uint64_t offset) {
    while (count > 0) {
        ssize_t written = pwrite(file, bytes, count, (off_t)offset);
        if (written < 0 && errno != EINTR)
            return -1;
        if (written > 0) {
            bytes += written;
            count -= (size_t)written;
            offset += (uint64_t)written;
        }
    }
    return 0;
}

/* Writes the pages of the buffer that are not zero, each run of them at once. */
static int write_pages(int file, const char *bytes, size_t count, uint64_t offset, uint64_t *copied) {
    for (size_t start = 0; start < count;) {
        if (is_zero(bytes + start)) {
            start += PAGE_SIZE;
            continue;
        }
        size_t end = start + PAGE_SIZE;
        while (end < count && !is_zero(bytes + end))
            end += PAGE_SIZE;
        if (write_all(file, bytes + start, end - start, offset + start) < 0)
            return -1;
        *copied += end - start;
        start = end;
    }
    return 0;
}

/* Copies pages that are all there. What cannot be read, such as pages behind the end of a mapped file, is passed over. */
static int copy_pages(
    pid_t process, uint64_t address, uint64_t size, uint64_t offset, int file, char *buffer, size_t buffer_size,
    uint64_t *copied) {
    while (size > 0) {
        size_t piece = size < buffer_size ? (size_t)size : buffer_size;
        ssize_t got = cposix_read_memory(process, address, buffer, piece);
        if (got < 0 && errno != EFAULT && errno != EIO)
            return -1;
        size_t whole = got > 0 ? (size_t)got / PAGE_SIZE * PAGE_SIZE : 0;
        if (write_pages(file, buffer, whole, offset, copied) < 0)
            return -1;
        uint64_t done = whole == piece ? piece : whole + PAGE_SIZE;
        address += done;
        offset += done;
        size -= done;
    }
    return 0;
}

int cposix_copy_memory(
    pid_t process, int pages, const struct cposix_memory_range *range, int file, void *buffer, size_t buffer_size,
    uint64_t *copied) {
    uint64_t entries[512];
    uint64_t start = 0; /* of the run of pages that are to be copied, and have not been */
    for (uint64_t at = 0; at < range->size;) {
        uint64_t rest = (range->size - at) / PAGE_SIZE;
        size_t count = rest < sizeof entries / sizeof entries[0] ? (size_t)rest : sizeof entries / sizeof entries[0];
        ssize_t got = -1;
        if (range->is_anonymous && pages >= 0)
            got = pread(pages, entries, count * sizeof entries[0], (off_t)((range->address + at) / PAGE_SIZE * 8));
        for (size_t index = 0; index < count; index++, at += PAGE_SIZE) {
            if (got != (ssize_t)(count * sizeof entries[0]) || (entries[index] & PAGE_IS_THERE) != 0)
                continue;
            if (at > start
                && copy_pages(process, range->address + start, at - start, range->offset + start, file, buffer,
                       buffer_size, copied)
                    < 0)
                return -1;
            start = at + PAGE_SIZE;
        }
    }
    if (range->size > start)
        return copy_pages(process, range->address + start, range->size - start, range->offset + start, file, buffer,
            buffer_size, copied);
    return 0;
}

int cposix_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }
