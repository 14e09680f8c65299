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
#include "signals.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* What has stopped the calling thread. */
struct cause {
    /* enum space_fault_kind. */
    uint32_t kind;
    /* NULL for an exit. */
    siginfo_t *info;
    int status;
    const ucontext_t *context;
    /* Where a module asked for the signal, when it is known by that; else 0. */
    uint64_t place;
};

static void note(const struct cause *cause, uint32_t index, struct space_fault *fault)
{
    bool is_signal = cause->kind == SPACE_FAULT_SIGNAL;
    bool is_called = cause->kind == SPACE_FAULT_EXIT || cause->kind == SPACE_FAULT_EXECUTE;
    fault->kind = cause->kind;
    fault->signal = is_signal ? (uint32_t)cause->info->si_signo : 0;
    fault->code = is_signal ? cause->info->si_code : cause->status;
    /* si_addr is another field's place when the signal was sent and not raised by the processor. */
    fault->address = is_signal && cause->info->si_code > 0 ? (uintptr_t)cause->info->si_addr : 0;
    fault->index = index;
    fault->thread = (uint32_t)gettid();
    /* getcontext(3) saves a part of them only. */
    fault->floating_state = is_called ? 0 : (uintptr_t)cause->context->uc_mcontext.fpregs;
    fault->start_routine = cause->place;
    space_read_registers(cause->context, fault);
}

/* Whether somebody sent the signal, and did so from another process. */
static bool is_foreign(const siginfo_t *info)
{
    bool is_sent = info->si_code == SI_USER || info->si_code == SI_TKILL || info->si_code == SI_QUEUE;
    return is_sent && info->si_pid != space_process;
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
    if (is_own || (number == space_process && cause->info != NULL && is_foreign(cause->info))) {
        return;
    }
    struct space_fault fault = {0};
    note(cause, SPACE_NO_INDEX, &fault);
    space_halt(SPACE_THREAD_FAULTED, &fault, 0);
    space_abandon_thread();
}

/* How long the end of the process may wait for whoever looks at it, in seconds. */
#define DEATH_PATIENCE 10

/* The signal takes its default action when the handler has returned. */
static void take_default(siginfo_t *info)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    __libc_sigaction(info->si_signo, &action, NULL);
    /* Blocked until then; then it is taken before the thread's next instruction. */
    space_block_all();
    syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), info->si_signo, info);
}

static void die(const struct cause *cause)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    siginfo_t *info = cause->info;
    /* A forked child dies its own death. */
    if (getpid() == space_process && !atomic_flag_test_and_set(&told)) {
        struct space_reply reply = {.kind = SPACE_DIED};
        note(cause, SPACE_NO_INDEX, &reply.fault);
        send(space_first_lane.socket, &reply, sizeof reply, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (space_is_serving) {
            space_halt(SPACE_DIED, &reply.fault, DEATH_PATIENCE);
        }
    }
    take_default(info);
}

static void on_deadline(const siginfo_t *info, const ucontext_t *context)
{
    if (space_is_to_end(info)) {
        space_leave_thread();
    }
    struct space_worker *it = space_own_worker();
    /* The sender is the server, and means this call: a module may send the signal too, or take it late. */
    if (it != NULL && info->si_code == SI_QUEUE && info->si_pid == space_process && getpid() == space_process
        && (uint32_t)info->si_value.sival_int == atomic_load(&it->call)) {
        const struct cause cause = {.kind = it->reason, .context = context};
        space_block_all();
        stop_call(it, &cause);
    }
}

/* ---- Signals that nobody handles ---- */

static void on_fault(siginfo_t *info, void *context)
{
    const struct cause cause = {.kind = SPACE_FAULT_SIGNAL, .info = info, .context = context};
    struct space_worker *it = space_own_worker();
    /* Nothing of a module's runs on a thread that stands still. */
    space_block_all();
    if (getpid() == space_process) {
        if (it != NULL) {
            stop_call(it, &cause);
        }
        stop_thread(&cause);
    }
    die(&cause);
}

/* Tells the daemon of a signal that is of no consequence. It is not waited for. */
static void tell_of_ignored(const siginfo_t *info)
{
    struct space_reply reply = {.kind = SPACE_SIGNAL_IGNORED};
    reply.fault.signal = (uint32_t)info->si_signo;
    reply.fault.code = info->si_code;
    reply.process = is_foreign(info) ? info->si_pid : 0;
    send(space_event_socket, &reply, sizeof reply, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Lets the initial thread take a signal of the process. */
static void pass_on(const siginfo_t *info)
{
    siginfo_t passed = *info;
    /* As the kernel and kill(2) say it, a signal cannot be sent to another thread (rt_tgsigqueueinfo(2)). */
    if (passed.si_code >= 0) {
        passed.si_code = SI_TIMER;
    }
    space_libc_syscall(SYS_rt_tgsigqueueinfo, space_process, space_process, passed.si_signo, &passed);
}

/*
 * A signal that is not of a fault, whose default action would end or stop the process. A module that sent it to its own
 * thread is at fault there. Of one that came to the process (alarm, a timer, kill), the module is at fault that asked for
 * it; that is told of on the initial thread, which is in no call.
 */
static void on_unhandled(siginfo_t *info, void *context)
{
    const int number = info->si_signo;
    if (number == SIGTERM && is_foreign(info)) {
        take_default(info);
        return;
    }
    bool is_common = number == SIGPIPE || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU
        || (is_foreign(info) && (number == SIGINT || number == SIGHUP || number == SIGQUIT));
    if (is_common) {
        return;
    }
    /* The kernel sends SIGXFSZ to the thread that writes too much to a file. */
    if ((info->si_code == SI_TKILL || number == SIGXFSZ) && !is_foreign(info)) {
        on_fault(info, context);
        return;
    }
    uint64_t place = is_foreign(info) ? 0 : space_sender(number);
    if (place == 0) {
        tell_of_ignored(info);
    } else if (gettid() != space_process) {
        pass_on(info);
    } else {
        const struct cause cause = {.kind = SPACE_FAULT_SIGNAL, .info = info, .context = context, .place = place};
        space_block_all();
        stop_thread(&cause);
    }
}

static void do_default(siginfo_t *info, void *context)
{
    if (space_is_fault_signal(info->si_signo)) {
        on_fault(info, context);
    } else if (getpid() != space_process || !space_is_serving) {
        /* A forked child ends as programs do. */
        take_default(info);
    } else {
        on_unhandled(info, context);
    }
}

/* ---- Signals that somebody sent while they were blocked ---- */

/* Of each signal of a fault one, as the kernel keeps them. */
static __thread siginfo_t held[NSIG];
static __thread volatile sig_atomic_t held_count;

static void hold(const siginfo_t *info)
{
    siginfo_t *place = &held[info->si_signo];
    if (place->si_signo == 0) {
        *place = *info;
        held_count++;
    }
}

void space_deliver_held(void)
{
    if (held_count == 0) {
        return;
    }
    uint64_t mask = space_block_all();
    for (int number = 1; number < NSIG; number++) {
        if (held[number].si_signo != 0 && !space_is_blocked(mask, number)) {
            siginfo_t info = held[number];
            held[number].si_signo = 0;
            held_count--;
            space_libc_syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), number, &info);
        }
    }
    space_change_mask(SIG_SETMASK, mask);
}

/* ---- Handlers of modules ---- */

/*
 * A handler that returns has cured the fault, or the instruction raises it again, for ever. The two cannot be told apart
 * by what is raised: the same instruction may well meet many faults. So after some that are alike the processor is told to
 * trap behind the instruction. The trap comes, or the fault comes first.
 */
#define ALIKE_LIMIT 16
#define HOPELESS_LIMIT 4
static __thread struct {
    uint64_t instruction_pointer;
    uintptr_t address;
    unsigned int alike;
    unsigned int hopeless;
    bool is_stepping;
} repetition;

/* Before the handler: whether it has been tried often enough. */
static bool is_hopeless(const siginfo_t *info, const ucontext_t *context)
{
    uint64_t place = space_instruction_pointer(context);
    if (place != repetition.instruction_pointer || (uintptr_t)info->si_addr != repetition.address) {
        repetition.instruction_pointer = place;
        repetition.address = (uintptr_t)info->si_addr;
        repetition.alike = 0;
        repetition.hopeless = 0;
        repetition.is_stepping = false;
    }
    repetition.hopeless = repetition.is_stepping ? repetition.hopeless + 1 : 0;
    return repetition.hopeless >= HOPELESS_LIMIT;
}

/* Behind the handler. */
static void watch_progress(ucontext_t *context)
{
    if (space_instruction_pointer(context) != repetition.instruction_pointer) {
        space_step(context, false);
        repetition.is_stepping = false;
    } else if (++repetition.alike >= ALIKE_LIMIT) {
        space_step(context, true);
        repetition.is_stepping = true;
    }
}

static bool is_progress(const siginfo_t *info)
{
    return info->si_signo == SIGTRAP && info->si_code == TRAP_TRACE && repetition.is_stepping;
}

/* Whether a handler can be called: its image may have gone by ways that nobody has seen. */
static bool is_there(const struct sigaction *action)
{
    uintptr_t address = (uintptr_t)action->sa_handler;
    return address < SPACE_WINDOW_START || address >= SPACE_WINDOW_END || space_image_at(address) != 0;
}

static void handle(const struct sigaction *action, siginfo_t *info, ucontext_t *context)
{
    if ((action->sa_flags & SA_RESETHAND) != 0) {
        space_reset_disposition(info->si_signo);
    }
    action->sa_sigaction(info->si_signo, info, context);
    space_hide_context(context);
}

void space_take_signal(int number, siginfo_t *info, void *argument)
{
    ucontext_t *context = argument;
    int before = errno;
    bool is_raised = space_is_fault_signal(number) && info->si_code > 0;
    if (number == SPACE_DEADLINE_SIGNAL) {
        on_deadline(info, context);
    } else if (number == SIGSYS && info->si_code == SPACE_SYS_SECCOMP) {
        space_emulate(info, context);
    } else if (number == SIGTRAP && is_raised && space_survives_breakpoint(space_trap_address(context))) {
        space_go_on_at(context, space_trap_address(context));
    } else if (is_progress(info)) {
        space_step(context, false);
        repetition.alike = 0;
        repetition.is_stepping = false;
    } else if (space_is_blocked(space_read_mask(&context->uc_sigmask), number) && space_is_fault_signal(number)) {
        /* The kernel would end the process for what the thread itself has raised. */
        is_raised ? on_fault(info, context) : hold(info);
    } else {
        struct sigaction action = space_disposition(number);
        bool is_default = action.sa_handler == SIG_DFL || !is_there(&action);
        if (is_default || (is_raised && (action.sa_handler == SIG_IGN || is_hopeless(info, context)))) {
            do_default(info, context);
        } else if (action.sa_handler != SIG_IGN) {
            handle(&action, info, context);
            if (is_raised) {
                watch_progress(context);
            }
        }
    }
    errno = before;
}

/* ---- abort(3) ---- */

/* For debuggers and reports: what the C library says when it aborts. It is defined where abort is. */
struct abort_msg_s *__abort_msg;

void abort(void)
{
    /* glibc's would keep a lock, and count that one thread has aborted: the next one would wait for ever. */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGABRT);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(SIGABRT);
    /* A module's handler has returned, or the signal is ignored. */
    space_reset_disposition(SIGABRT);
    for (;;) {
        raise(SIGABRT);
    }
}

/* ---- Ends of the process ---- */

/* The calling thread wants to end the process, or to replace it. */
static void end_called(uint32_t kind, int status, const ucontext_t *context)
{
    struct space_worker *it = space_own_worker();
    if (!space_is_serving || getpid() != space_process) {
        return;
    }
    /* Nothing of a module's runs on a thread that stands still. */
    space_block_all();
    const struct cause cause = {.kind = kind, .status = status, .context = context};
    if (it != NULL) {
        stop_call(it, &cause);
    }
    stop_thread(&cause);
}

void space_exit_called(int status)
{
    ucontext_t context;
    getcontext(&context);
    end_called(SPACE_FAULT_EXIT, status, &context);
}

void space_exit_called_at(int status, const ucontext_t *context)
{
    end_called(SPACE_FAULT_EXIT, status, context);
}

void space_execute_called(void)
{
    ucontext_t context;
    getcontext(&context);
    end_called(SPACE_FAULT_EXECUTE, 0, &context);
}
