/*
 * Limits of resources that a module sets.
 *
 * They are the process's, which all modules share. A soft limit is set as the module wants it, for as long as the module is there
 * (state.c). A hard limit stays as it is: only root could raise it again, and the one of processor time ends the process. Of open
 * files as many are left as the space needs to be given an image.
 */
#define _GNU_SOURCE
#include "signals.h"

#include <errno.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* More than the space has of its own, and than come with a request of the daemon. */
#define DESCRIPTORS_NEEDED 64

static int change(pid_t process, int resource, const struct rlimit64 *wanted, struct rlimit64 *before, uint64_t place)
{
    struct rlimit64 now, kept;
    bool is_own = (process == 0 || process == space_process) && getpid() == space_process;
    if (wanted != NULL && is_own && space_libc_syscall(SYS_prlimit64, 0, resource, NULL, &now) == 0) {
        kept = *wanted;
        if (kept.rlim_cur > kept.rlim_max) {
            errno = EINVAL;
            return -1;
        }
        if (kept.rlim_max < now.rlim_max) {
            kept.rlim_max = now.rlim_max;
        }
        if (resource == RLIMIT_CPU) {
            space_note_sender(SIGXCPU, place);
        }
        wanted = &kept;
    }
    return (int)space_libc_syscall(SYS_prlimit64, process, resource, wanted, before);
}

int prlimit64(pid_t process, __rlimit_resource_t resource, const struct rlimit64 *wanted, struct rlimit64 *before)
{
    return change(process, (int)resource, wanted, before, space_caller(__builtin_return_address(0)));
}

int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *wanted)
{
    return change(0, (int)resource, wanted, NULL, space_caller(__builtin_return_address(0)));
}

/* The functions that objects without large files refer to: struct rlimit has words of the machine there, and all bits set for no limit. */
struct narrow_limit {
    unsigned long soft;
    unsigned long hard;
};
int space_setrlimit(int resource, const struct narrow_limit *wanted) __asm__("setrlimit");
int space_prlimit(pid_t process, int resource, const struct narrow_limit *wanted, struct narrow_limit *before)
    __asm__("prlimit");

static struct rlimit64 widen(const struct narrow_limit *limit)
{
    return (struct rlimit64){
        .rlim_cur = limit->soft == ULONG_MAX ? RLIM64_INFINITY : limit->soft,
        .rlim_max = limit->hard == ULONG_MAX ? RLIM64_INFINITY : limit->hard,
    };
}

static unsigned long narrow(rlim64_t limit)
{
    return limit > ULONG_MAX ? ULONG_MAX : (unsigned long)limit;
}

int space_setrlimit(int resource, const struct narrow_limit *wanted)
{
    const struct rlimit64 wide = widen(wanted);
    return change(0, resource, &wide, NULL, space_caller(__builtin_return_address(0)));
}

int space_prlimit(pid_t process, int resource, const struct narrow_limit *wanted, struct narrow_limit *before)
{
    struct rlimit64 wide = {0}, old = {0};
    if (wanted != NULL) {
        wide = widen(wanted);
    }
    uint64_t place = space_caller(__builtin_return_address(0));
    int error = change(process, resource, wanted == NULL ? NULL : &wide, &old, place);
    if (error == 0 && before != NULL) {
        *before = (struct narrow_limit){.soft = narrow(old.rlim_cur), .hard = narrow(old.rlim_max)};
    }
    return error;
}

bool space_leave_descriptors(void)
{
    struct rlimit64 limit;
    bool is_raised = space_libc_syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) == 0
        && limit.rlim_cur < limit.rlim_max && (limit.rlim_cur < DESCRIPTORS_NEEDED || !space_has_descriptors());
    if (is_raised) {
        limit.rlim_cur = limit.rlim_max;
        space_libc_syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, NULL);
    }
    return is_raised;
}
