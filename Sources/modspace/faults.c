/*
 * What happens to a thread that raises a signal for which the kernel would kill the process.
 *
 * In a call: the handler notes where, and the thread stands still (calls.c). Elsewhere, in a thread that a
 * module made or in the space itself, nobody knows how to go on: the daemon is told, and the signal takes its
 * default action, with the same siginfo, so that the core file shows what the handler saw.
 */
#define _GNU_SOURCE
#include "modspace.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
#define FAULT_SIGNALS (sizeof fault_signals / sizeof fault_signals[0])

void space_fault_signals(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < FAULT_SIGNALS; i++) {
        sigaddset(set, fault_signals[i]);
    }
}

static void note(const siginfo_t *info, const void *context, uint32_t index, struct space_fault *fault)
{
    bool is_deadline = info->si_signo == SPACE_DEADLINE_SIGNAL;
    fault->signal = is_deadline ? 0 : (uint32_t)info->si_signo;
    fault->code = is_deadline ? 0 : info->si_code;
    /* si_addr is another field's place when the signal was sent and not raised by the processor. */
    fault->address = info->si_code > 0 ? (uintptr_t)info->si_addr : 0;
    fault->index = index;
    fault->thread = (uint32_t)gettid();
    space_read_registers(context, fault);
}

/* Stops the calling thread if it is in a call, and does not return then. */
static void stop_call(struct space_worker *it, const siginfo_t *info, const void *context)
{
    uint32_t state = atomic_load(&it->state);
    if (state == SPACE_WORKER_IDLE) {
        return;
    }
    note(info, context, it->index, &it->fault);
    while (state == SPACE_WORKER_RUNNING || state == SPACE_WORKER_ENDING) {
        if (atomic_compare_exchange_strong(&it->state, &state, SPACE_WORKER_STOPPED)) {
            space_futex_wake(&it->state);
            state = SPACE_WORKER_STOPPED;
        }
    }
    while (state == SPACE_WORKER_STOPPED) {
        space_futex_wait(&it->state, SPACE_WORKER_STOPPED, NULL);
        state = atomic_load(&it->state);
    }
    space_leave_thread();
}

static void die(siginfo_t *info, const void *context)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    /* A forked child dies its own death. */
    if (getpid() == space_process && !atomic_flag_test_and_set(&told)) {
        struct space_reply reply = {.kind = SPACE_DIED};
        note(info, context, SPACE_NO_INDEX, &reply.fault);
        send(SPACE_DESCRIPTOR, &reply, sizeof reply, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(info->si_signo, &action, NULL);
    /* Blocked until the handler returns; then it is taken before the thread's next instruction. */
    syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), info->si_signo, info);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    struct space_worker *it = space_own_worker();
    if (it != NULL && getpid() == space_process) {
        stop_call(it, info, context);
    }
    die(info, context);
}

static void on_deadline(int number, siginfo_t *info, void *context)
{
    (void)number;
    int before = errno;
    struct space_worker *it = space_own_worker();
    /* The sender is the server, and means this call: a module may send the signal too, or take it late. */
    if (it != NULL && info->si_code == SI_QUEUE && info->si_pid == space_process && getpid() == space_process
        && (uint32_t)info->si_value.sival_int == atomic_load(&it->call)) {
        stop_call(it, info, context);
    }
    errno = before;
}

void space_catch_faults(void)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    /* Nothing of a module's runs on a thread that stands in a handler. */
    sigfillset(&action.sa_mask);
    action.sa_sigaction = on_fault;
    for (size_t i = 0; i < FAULT_SIGNALS; i++) {
        sigaction(fault_signals[i], &action, NULL);
    }
    action.sa_sigaction = on_deadline;
    sigaction(SPACE_DEADLINE_SIGNAL, &action, NULL);
}
