/*
 * System calls that a module makes itself: by syscall(2), or by the instruction, as the run-time libraries of some
 * languages do.
 *
 * Some of them would take from the space what it needs to contain faults: its handlers, the mask and the stack that they
 * run with; or would end the process. These do what the C library's functions of the same name do here.
 *
 *     by syscall(2)          the function looks at the number (machine.c), and comes to space_mediate
 *     by the instruction     seccomp(2) raises SIGSYS for those that stand in the window, and the handler does the call's work
 *
 * The kernel takes a filter only from who has CAP_SYS_ADMIN, or gives up set-user-ID programs for ever (no_new_privs),
 * which would be felt by the programs that modules execute. So it is asked whether it takes one as things are; where it does
 * not, instructions in modules are not looked at. A forked child has the filter, and the handler too; a program that it
 * executes lies elsewhere than in the window.
 */
#define _GNU_SOURCE
#include "signals.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- The filter ---- */

#define FIELD(name) ((uint32_t)offsetof(struct seccomp_data, name))
#define HALF 4

/* On a little-endian machine the upper half of a number stands behind the lower one. */
bool space_filter_system_calls(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SPACE_AUDIT_MACHINE, 0, 10),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigprocmask, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigaction, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sigaltstack, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(instruction_pointer) + HALF),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(instruction_pointer)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)SPACE_WINDOW_END, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)SPACE_WINDOW_START, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    };
    const struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

/* ---- What they do here ---- */

/* The kernel's struct sigaction: kernel/signal.c, include/linux/signal_types.h. */
struct kernel_action {
    uintptr_t handler;
    unsigned long flags;
    uintptr_t restorer;
    uint64_t mask;
} __attribute__((packed, aligned(sizeof(long))));

static long set_action(int number, const struct kernel_action *action, struct kernel_action *before)
{
    struct sigaction new = {0}, old;
    if (action != NULL) {
        new.sa_handler = (void (*)(int))action->handler;
        new.sa_flags = (int)action->flags;
        space_write_mask(&new.sa_mask, action->mask);
    }
    int error = space_set_disposition(number, action == NULL ? NULL : &new, &old);
    if (error == 0 && before != NULL) {
        *before = (struct kernel_action){.handler = (uintptr_t)old.sa_handler, .flags = (unsigned long)old.sa_flags};
        before->mask = space_read_mask(&old.sa_mask);
    }
    return -error;
}

/* Changes a mask that the kernel will have; returns 0 or a negative errno number. */
static long set_mask(uint64_t *mask, int how, const uint64_t *set, uint64_t *before)
{
    uint64_t old = space_show_signals(*mask);
    if (set != NULL) {
        uint64_t given = space_hide_signals(*set);
        switch (how) {
        case SIG_BLOCK: *mask |= given; break;
        case SIG_UNBLOCK: *mask &= ~given; break;
        case SIG_SETMASK: *mask = given; break;
        default: return -EINVAL;
        }
    }
    if (before != NULL) {
        *before = old;
    }
    return 0;
}

/* A system call's number and its first four arguments. */
struct wanted {
    long number;
    unsigned long words[4];
};

static long perform(const struct wanted *it, uint64_t *mask, const ucontext_t *context)
{
    const unsigned long *words = it->words;
    switch (it->number) {
    case SYS_rt_sigprocmask:
        return words[3] != sizeof(uint64_t)
            ? -EINVAL
            : set_mask(mask, (int)words[0], (const uint64_t *)words[1], (uint64_t *)words[2]);
    case SYS_rt_sigaction:
        return words[3] != sizeof(uint64_t)
            ? -EINVAL
            : set_action((int)words[0], (const struct kernel_action *)words[1], (struct kernel_action *)words[2]);
    case SYS_sigaltstack: {
        bool is_inside = false;
        if (context != NULL) {
            /* Of what was interrupted: this runs in a handler. */
            uintptr_t start = (uintptr_t)context->uc_stack.ss_sp;
            is_inside = space_stack_pointer(context) - start < context->uc_stack.ss_size;
        }
        return -space_ask_for_stack((const stack_t *)words[0], (stack_t *)words[1], is_inside);
    }
    default:
        if (context != NULL) {
            space_exit_called_at((int)words[0], context);
        }
        _exit((int)words[0]);
    }
}

void space_emulate(const siginfo_t *info, ucontext_t *context)
{
    struct wanted it = {.number = info->si_syscall};
    space_read_arguments(context, it.words);
    /* The handler's return sets the context's mask. */
    uint64_t mask = space_read_mask(&context->uc_sigmask);
    long value = perform(&it, &mask, context);
    space_write_mask(&context->uc_sigmask, mask);
    space_return_value(context, value);
}

/* From syscall(2): machine.c. */
long space_mediate(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    const struct wanted it = {.number = number, .words = {a, b, c, d}};
    uint64_t before = space_change_mask(SIG_BLOCK, 0);
    uint64_t mask = before;
    long value = perform(&it, &mask, NULL);
    if (mask != before) {
        space_change_mask(SIG_SETMASK, mask);
        space_deliver_held();
    }
    if (value < 0) {
        errno = (int)-value;
        return -1;
    }
    return value;
}
