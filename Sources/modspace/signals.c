/*
 * Signals as modules see them.
 *
 * A module may handle, ignore and block whatever signals it wants. A space must not end by that: the kernel ends a
 * process that raises SIGSEGV while the signal is blocked, ignored, or has its default action. So the kernel has the
 * space's one handler for every signal (faults.c), and modules have dispositions and masks that are kept here.
 *
 * Dispositions. One list a signal, an entry an image, the newest first; the first is in force. When an image goes, its
 * entries go, and what was in force before is so again.
 *
 * Masks. The signals of faults are never blocked in the kernel. Whether a module has blocked one is a bit of the same
 * kernel's mask all the same: that of its shadow, a real-time signal which nobody is given. So whatever carries a mask
 * on (new threads, handlers, sigsetjmp and siglongjmp, getcontext) carries that bit on, and nothing has to be kept
 * beside it.
 *
 *     module: { SIGSEGV, SIGUSR1 }  -- space_hide_signals -->  kernel: { shadow of SIGSEGV, SIGUSR1 }
 *                                   <-- space_show_signals --
 *
 * The functions of the C library that take a mask stand here with the names that modules and the library itself call
 * them by. System calls that a module makes itself come here too: system_calls.c.
 */
#define _GNU_SOURCE
#include "signals.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* ---- Numbers ---- */

/* In the order of their shadows. */
static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
#define FAULT_SIGNALS ((int)(sizeof fault_signals / sizeof fault_signals[0]))
/* Of the highest signals one is the deadline's, and those below it are shadows. */
#define LAST_SIGNAL 64
_Static_assert(SPACE_DEADLINE_SIGNAL == LAST_SIGNAL, "shadows end below the deadline's signal");
#define FIRST_SHADOW (LAST_SIGNAL - FAULT_SIGNALS)

static uint64_t bit(int number)
{
    return UINT64_C(1) << (number - 1);
}

bool space_is_fault_signal(int number)
{
    for (int i = 0; i < FAULT_SIGNALS; i++) {
        if (fault_signals[i] == number) {
            return true;
        }
    }
    return false;
}

static uint64_t fault_bits(void)
{
    uint64_t bits = 0;
    for (int i = 0; i < FAULT_SIGNALS; i++) {
        bits |= bit(fault_signals[i]);
    }
    return bits;
}

static uint64_t shadow_bits(void)
{
    return ((UINT64_C(1) << FAULT_SIGNALS) - 1) << (FIRST_SHADOW - 1);
}

/* The C library's own, for pthread_cancel and timers, and for setuid. */
static uint64_t library_bits(void)
{
    return bit(32) | bit(33);
}

static uint64_t reserved_bits(void)
{
    return bit(SPACE_DEADLINE_SIGNAL) | library_bits();
}

/* All that may be blocked, and are no shadows. */
static uint64_t other_bits(void)
{
    return ~(fault_bits() | shadow_bits() | reserved_bits());
}

uint64_t space_hide_signals(uint64_t mask)
{
    uint64_t hidden = mask & other_bits();
    for (int i = 0; i < FAULT_SIGNALS; i++) {
        if ((mask & bit(fault_signals[i])) != 0) {
            hidden |= bit(FIRST_SHADOW + i);
        }
    }
    return hidden;
}

uint64_t space_show_signals(uint64_t mask)
{
    uint64_t shown = mask & other_bits();
    for (int i = 0; i < FAULT_SIGNALS; i++) {
        if ((mask & bit(FIRST_SHADOW + i)) != 0) {
            shown |= bit(fault_signals[i]);
        }
    }
    return shown;
}

bool space_is_blocked(uint64_t mask, int number)
{
    return (space_show_signals(mask) & bit(number)) != 0;
}

uint64_t space_read_mask(const sigset_t *set)
{
    uint64_t mask;
    memcpy(&mask, set, sizeof mask);
    return mask;
}

void space_write_mask(sigset_t *set, uint64_t mask)
{
    memcpy(set, &mask, sizeof mask);
}

uint64_t space_change_mask(int how, uint64_t mask)
{
    uint64_t before = 0;
    space_libc_syscall(SYS_rt_sigprocmask, how, &mask, &before, sizeof mask);
    return before;
}

uint64_t space_block_all(void)
{
    return space_change_mask(SIG_SETMASK, UINT64_MAX);
}

uint64_t space_block_most(void)
{
    return space_change_mask(SIG_SETMASK, other_bits());
}

/* ---- Dispositions ---- */

struct entry {
    struct sigaction action;
    /* Of whom asked; 0: the space itself. */
    uint64_t image;
};
/* More images than that seldom change one signal; the oldest but one is forgotten then. */
#define ENTRY_LIMIT 8

static struct {
    struct entry entries[ENTRY_LIMIT];
    size_t count;
} dispositions[LAST_SIGNAL + 1];

/* Odd while dispositions are being changed: a signal's handler reads them again then. */
static _Atomic uint32_t version;

/* Whoever changes dispositions has all signals blocked, so that no handler waits for its own thread. */
static uint64_t begin_change(void)
{
    uint64_t mask = space_block_all();
    for (;;) {
        uint32_t even = atomic_load(&version) & ~1u;
        if (atomic_compare_exchange_weak(&version, &even, even + 1)) {
            return mask;
        }
    }
}

static void end_change(uint64_t mask)
{
    atomic_fetch_add(&version, 1);
    space_change_mask(SIG_SETMASK, mask);
}

static struct sigaction in_force(int number)
{
    size_t count = dispositions[number].count;
    return count == 0 ? (struct sigaction){.sa_handler = SIG_DFL} : dispositions[number].entries[count - 1].action;
}

struct sigaction space_disposition(int number)
{
    for (;;) {
        uint32_t before = atomic_load(&version);
        struct sigaction action = in_force(number);
        atomic_thread_fence(memory_order_acquire);
        if ((before & 1) == 0 && atomic_load(&version) == before) {
            return action;
        }
    }
}

static void remove_entry(int number, size_t index)
{
    struct entry *entries = dispositions[number].entries;
    size_t count = --dispositions[number].count;
    memmove(&entries[index], &entries[index + 1], (count - index) * sizeof entries[0]);
}

static bool remove_entries(int number, uint64_t image)
{
    bool is_changed = false;
    for (size_t i = dispositions[number].count; i-- > 0;) {
        if (dispositions[number].entries[i].image == image) {
            remove_entry(number, i);
            is_changed = true;
        }
    }
    return is_changed;
}

static void put(int number, const struct sigaction *action, uint64_t image)
{
    remove_entries(number, image);
    if (dispositions[number].count == ENTRY_LIMIT) {
        remove_entry(number, 1);
    }
    dispositions[number].entries[dispositions[number].count++] = (struct entry){.action = *action, .image = image};
}

/* Whether the kernel does nothing when it delivers the signal to a process that has not asked for it. */
static bool is_ignored_by_default(int number)
{
    return number == SIGCHLD || number == SIGCONT || number == SIGURG || number == SIGWINCH;
}

/* Tells the kernel what follows from the disposition in force. */
static void install(int number)
{
    const int passed = SA_NOCLDSTOP | SA_NOCLDWAIT;
    struct sigaction wanted = in_force(number);
    struct sigaction action = {.sa_flags = SA_SIGINFO | (wanted.sa_flags & passed), .sa_sigaction = space_take_signal};
    bool is_handled = wanted.sa_handler != SIG_DFL && wanted.sa_handler != SIG_IGN;
    uint64_t mask = is_handled ? space_hide_signals(space_read_mask(&wanted.sa_mask)) : other_bits();
    if (space_is_fault_signal(number)) {
        /* A stack that has overflowed has no room for its handler. */
        action.sa_flags |= SA_ONSTACK | SA_NODEFER | (is_handled ? wanted.sa_flags & SA_RESTART : SA_RESTART);
        if (is_handled && (wanted.sa_flags & SA_NODEFER) == 0) {
            mask |= space_hide_signals(bit(number));
        }
    } else if (is_handled) {
        action.sa_flags |= wanted.sa_flags & (SA_ONSTACK | SA_RESTART | SA_NODEFER);
    } else if (wanted.sa_handler == SIG_IGN || is_ignored_by_default(number)) {
        /* As the module wants it, and the programs that it executes inherit it. */
        action = (struct sigaction){.sa_handler = wanted.sa_handler, .sa_flags = wanted.sa_flags & passed};
    } else {
        action.sa_flags |= SA_ONSTACK | SA_RESTART;
    }
    space_write_mask(&action.sa_mask, mask);
    __libc_sigaction(number, &action, NULL);
}

static bool is_changeable(int number)
{
    return number > 0 && number < FIRST_SHADOW && number != 32 && number != 33 && number != SIGKILL && number != SIGSTOP;
}

void space_install_signals(void)
{
    /* Modules see a lower SIGRTMAX: signal(7), "Real-time signals". */
    while (SIGRTMAX >= FIRST_SHADOW && __libc_allocate_rtsig(0) >= 0) {
    }
    for (int number = 1; number < FIRST_SHADOW; number++) {
        if (is_changeable(number)) {
            install(number);
        }
    }
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART, .sa_sigaction = space_take_signal};
    space_write_mask(&action.sa_mask, ~fault_bits());
    __libc_sigaction(SPACE_DEADLINE_SIGNAL, &action, NULL);
}

void space_install_faults(void)
{
    for (int i = 0; i < FAULT_SIGNALS; i++) {
        install(fault_signals[i]);
    }
}

/* The image that a disposition belongs to: the handler's, else that of whom the calling thread runs for. */
static uint64_t owner(const struct sigaction *action)
{
    uint64_t image = space_image_at((uintptr_t)action->sa_handler);
    return image != 0 ? image : space_current_image();
}

int space_set_disposition(int number, const struct sigaction *action, struct sigaction *before)
{
    bool is_known = number > 0 && number < FIRST_SHADOW && number != 32 && number != 33;
    if (!is_known || (action != NULL && !is_changeable(number))) {
        return EINVAL;
    }
    if (space_is_borrowed_memory()) {
        /* In a child of vfork(2) the dispositions here are its parent's. */
        return __libc_sigaction(number, action, before) == 0 ? 0 : errno;
    }
    struct sigaction old = space_disposition(number);
    if (action != NULL) {
        struct sigaction new = *action;
        uint64_t mask = begin_change();
        put(number, &new, owner(&new));
        install(number);
        end_change(mask);
    }
    if (before != NULL) {
        *before = old;
    }
    return 0;
}

void space_reset_disposition(int number)
{
    uint64_t mask = begin_change();
    if (dispositions[number].count > 0) {
        dispositions[number].entries[dispositions[number].count - 1].action.sa_handler = SIG_DFL;
    }
    install(number);
    end_change(mask);
}

void space_forget_signals(uint64_t image)
{
    uint64_t mask = begin_change();
    for (int number = 1; number < FIRST_SHADOW; number++) {
        if (remove_entries(number, image)) {
            install(number);
        }
    }
    end_change(mask);
}

/* ---- The C library's functions ---- */

static int result(int error)
{
    if (error == 0) {
        return 0;
    }
    errno = error;
    return -1;
}

int __sigaction(int number, const struct sigaction *restrict action, struct sigaction *restrict before)
{
    return result(space_set_disposition(number, action, before));
}

int sigaction(int number, const struct sigaction *restrict action, struct sigaction *restrict before)
{
    return result(space_set_disposition(number, action, before));
}

int __pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict before)
{
    if (set != NULL && how != SIG_BLOCK && how != SIG_UNBLOCK && how != SIG_SETMASK) {
        return EINVAL;
    }
    uint64_t mask = set == NULL ? 0 : space_hide_signals(space_read_mask(set));
    uint64_t old = space_change_mask(set == NULL ? SIG_BLOCK : how, mask);
    if (before != NULL) {
        sigemptyset(before);
        space_write_mask(before, space_show_signals(old));
    }
    space_deliver_held();
    return 0;
}

int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict before)
{
    return __pthread_sigmask(how, set, before);
}

int __sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict before)
{
    return result(__pthread_sigmask(how, set, before));
}

int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict before)
{
    return result(__pthread_sigmask(how, set, before));
}

/* A thread's attribute: glibc's own threads for timers ask for a full mask by it. */
int __real___pthread_attr_setsigmask_internal(pthread_attr_t *attributes, const sigset_t *set);
int __wrap___pthread_attr_setsigmask_internal(pthread_attr_t *attributes, const sigset_t *set);
int __wrap___pthread_attr_setsigmask_internal(pthread_attr_t *attributes, const sigset_t *set)
{
    if (set == NULL) {
        return __real___pthread_attr_setsigmask_internal(attributes, NULL);
    }
    /* The thread for timers waits for a signal of the library's: one that were not blocked would end the process. */
    uint64_t mask = space_read_mask(set);
    sigset_t hidden = *set;
    space_write_mask(&hidden, space_hide_signals(mask) | (mask & library_bits()));
    return __real___pthread_attr_setsigmask_internal(attributes, &hidden);
}

/* A mask for the time of one system call: NULL for NULL. */
struct temporary {
    sigset_t set;
};

static const sigset_t *hide(struct temporary *it, const sigset_t *set)
{
    if (set == NULL) {
        return NULL;
    }
    it->set = *set;
    space_write_mask(&it->set, space_hide_signals(space_read_mask(set)));
    return &it->set;
}

int __sigsuspend(const sigset_t *);
int sigsuspend(const sigset_t *set)
{
    struct temporary hidden;
    return __sigsuspend(hide(&hidden, set));
}

int __pselect(int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *);
int pselect(
    int count, fd_set *restrict readable, fd_set *restrict writable, fd_set *restrict exceptional,
    const struct timespec *restrict timeout, const sigset_t *restrict set)
{
    struct temporary hidden;
    return __pselect(count, readable, writable, exceptional, timeout, hide(&hidden, set));
}

int space_libc_ppoll(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
int ppoll(struct pollfd *events, nfds_t count, const struct timespec *timeout, const sigset_t *set)
{
    struct temporary hidden;
    return space_libc_ppoll(events, count, timeout, hide(&hidden, set));
}

int space_libc_epoll_pwait(int, struct epoll_event *, int, int, const sigset_t *);
int epoll_pwait(int descriptor, struct epoll_event *events, int count, int timeout, const sigset_t *set)
{
    struct temporary hidden;
    return space_libc_epoll_pwait(descriptor, events, count, timeout, hide(&hidden, set));
}

int space_libc_epoll_pwait2(int, struct epoll_event *, int, const struct timespec *, const sigset_t *);
int epoll_pwait2(
    int descriptor, struct epoll_event *events, int count, const struct timespec *timeout, const sigset_t *set)
{
    struct temporary hidden;
    return space_libc_epoll_pwait2(descriptor, events, count, timeout, hide(&hidden, set));
}

/* What setcontext and swapcontext enter (machine.c) before they set the mask. */
void space_hide_context(ucontext_t *context)
{
    uint64_t mask = space_read_mask(&context->uc_sigmask);
    /* A mask that getcontext saved has shadows, and no signals of faults. */
    uint64_t shadows = mask & shadow_bits();
    space_write_mask(&context->uc_sigmask, space_hide_signals(mask) | shadows);
}

/* ---- Stacks for handlers ---- */

/*
 * The kernel keeps the space's stack, for a module's may be in memory that has gone; and then the kernel would end the
 * process. A module's handlers run on the space's stack, too.
 */
static __thread stack_t asked_stack = {.ss_flags = SS_DISABLE};

int space_ask_for_stack(const stack_t *stack, stack_t *before, bool is_inside)
{
    if (before != NULL) {
        *before = asked_stack;
        if (is_inside && asked_stack.ss_flags != SS_DISABLE) {
            before->ss_flags = SS_ONSTACK;
        }
    }
    if (stack == NULL) {
        return 0;
    }
    if (is_inside) {
        return EPERM;
    }
    if ((stack->ss_flags & ~(SS_DISABLE | SS_ONSTACK | SPACE_STACK_AUTODISARM)) != 0) {
        return EINVAL;
    }
    if (stack->ss_flags != SS_DISABLE && stack->ss_size < SPACE_LEAST_SIGNAL_STACK) {
        return ENOMEM;
    }
    asked_stack = *stack;
    return 0;
}

int sigaltstack(const stack_t *restrict stack, stack_t *restrict before)
{
    stack_t own = {0};
    if (__sigaltstack(NULL, &own) != 0) {
        return -1;
    }
    return result(space_ask_for_stack(stack, before, (own.ss_flags & SS_ONSTACK) != 0));
}

void space_forget_asked_stack(void)
{
    asked_stack = (stack_t){.ss_flags = SS_DISABLE};
}
