/*
 * What happens to a thread that raises a signal for which the kernel would kill the process.
 *
 * In a call: the handler notes where, and the thread stands still (calls.c). In a thread that a module made: so it does,
 * and the daemon is told (halted.c). In the space itself nobody knows how to go on: the daemon is told, and the signal takes
 * its default action, with the same siginfo, so that a core file of the kernel's shows what the handler saw.
 *
 * A module that calls exit(3) or the like would take all others with it. That is a fault too (resident.c).
 */
#define _GNU_SOURCE
#include "modspace.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
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

/* What has stopped the calling thread. */
struct cause {
    /* enum space_fault_kind. */
    uint32_t kind;
    /* NULL for an exit. */
    siginfo_t *info;
    int status;
    const ucontext_t *context;
};

static void note(const struct cause *cause, uint32_t index, struct space_fault *fault)
{
    bool is_signal = cause->kind == SPACE_FAULT_SIGNAL;
    fault->kind = cause->kind;
    fault->signal = is_signal ? (uint32_t)cause->info->si_signo : 0;
    fault->code = is_signal ? cause->info->si_code : cause->status;
    /* si_addr is another field's place when the signal was sent and not raised by the processor. */
    fault->address = is_signal && cause->info->si_code > 0 ? (uintptr_t)cause->info->si_addr : 0;
    fault->index = index;
    fault->thread = (uint32_t)gettid();
    /* getcontext(3) saves a part of them only. */
    fault->floating_state = cause->kind == SPACE_FAULT_EXIT ? 0 : (uintptr_t)cause->context->uc_mcontext.fpregs;
    space_read_registers(cause->context, fault);
}

/* Stops the calling thread if it is in a call, and does not return then. */
static void stop_call(struct space_worker *it, const struct cause *cause)
{
    uint32_t state = atomic_load(&it->state);
    if (state == SPACE_WORKER_IDLE) {
        return;
    }
    note(cause, it->index, &it->fault);
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

/* Stops the calling thread if it is one of a module's, and does not return then. */
static void stop_thread(const struct cause *cause)
{
    pid_t number = gettid();
    /* A module's handler of a signal may run on the initial thread. A signal that somebody else sends is for the process. */
    bool is_own = space_is_server() || space_own_worker() != NULL || !space_is_serving;
    bool is_foreign = cause->info != NULL && cause->info->si_code <= 0 && cause->info->si_pid != space_process;
    if (is_own || (number == space_process && is_foreign)) {
        return;
    }
    struct space_fault fault = {0};
    note(cause, SPACE_NO_INDEX, &fault);
    space_halt(SPACE_THREAD_FAULTED, &fault, 0);
    space_abandon_thread();
}

/* How long the end of the process may wait for whoever looks at it, in seconds. */
#define DEATH_PATIENCE 10

static void die(const struct cause *cause)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    siginfo_t *info = cause->info;
    /* A forked child dies its own death. */
    if (getpid() == space_process && !atomic_flag_test_and_set(&told)) {
        struct space_reply reply = {.kind = SPACE_DIED};
        note(cause, SPACE_NO_INDEX, &reply.fault);
        send(SPACE_DESCRIPTOR, &reply, sizeof reply, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (space_is_serving) {
            space_halt(SPACE_DIED, &reply.fault, DEATH_PATIENCE);
        }
    }
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(info->si_signo, &action, NULL);
    /* Blocked until the handler returns; then it is taken before the thread's next instruction. */
    syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), info->si_signo, info);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    const struct cause cause = {.kind = SPACE_FAULT_SIGNAL, .info = info, .context = context};
    struct space_worker *it = space_own_worker();
    if (getpid() == space_process) {
        if (it != NULL) {
            stop_call(it, &cause);
        }
        stop_thread(&cause);
    }
    die(&cause);
}

static void on_deadline(int number, siginfo_t *info, void *context)
{
    (void)number;
    int before = errno;
    struct space_worker *it = space_own_worker();
    /* The sender is the server, and means this call: a module may send the signal too, or take it late. */
    if (it != NULL && info->si_code == SI_QUEUE && info->si_pid == space_process && getpid() == space_process
        && (uint32_t)info->si_value.sival_int == atomic_load(&it->call)) {
        const struct cause cause = {.kind = it->reason, .info = info, .context = context};
        stop_call(it, &cause);
    }
    errno = before;
}

void space_exit_called(int status)
{
    struct space_worker *it = space_own_worker();
    if (!space_is_serving || getpid() != space_process) {
        return;
    }
    /* Nothing of a module's runs on a thread that stands still. */
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    ucontext_t context;
    getcontext(&context);
    const struct cause cause = {.kind = SPACE_FAULT_EXIT, .status = status, .context = &context};
    if (it != NULL) {
        stop_call(it, &cause);
    }
    stop_thread(&cause);
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
