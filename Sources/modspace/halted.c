/*
 * Threads of modules that have faulted outside of calls, and stand still so that they can be looked at.
 *
 *     thread                                    daemon                    initial thread
 *     SPACE_THREAD_FAULTED ------------------>  looks
 *       stands still, in the signal's handler   space_release --------->  space_keep
 *     ends by the system call alone  <----------------------------------  buries it
 *
 * As with a worker (calls.c), no destructor runs and nothing is unlocked but stdout and stderr. What glibc has of the
 * thread is freed at once when it is detached. Else somebody may still join it: the module's code, or nobody, when the
 * module is taken out without being called. So it is freed when the image goes that the thread began in.
 *
 * glibc has no call for these. Where its descriptor has the number, the first function and the thread that joins is
 * what it tells debuggers (nptl_db), or is tried before it is relied on.
 */
#define _GNU_SOURCE
#include "kernel.h"
#include "signals.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A thread that stands still; on its own stack. */
struct halted {
    _Atomic uint32_t is_released;
    pthread_t thread;
    pid_t number;
    bool is_server;
    void *signal_stack;
    struct space_destructor *const *destructors;
    struct halted *next;
};

/* What is left of a thread that somebody may join. */
struct dead {
    pthread_t thread;
    uint64_t start_routine;
};
#define DEAD_LIMIT 4096

/* Put in by any thread, taken out by the initial one. */
static _Atomic(struct halted *) halted;
/* Of the initial thread. */
static struct halted *known;
static struct dead dead[DEAD_LIMIT];
static size_t dead_count;
static pthread_mutex_t dead_lock = PTHREAD_MUTEX_INITIALIZER;

static sigjmp_buf keeping;
static pthread_key_t equipment;
static __thread void *own_signal_stack;

/* ---- glibc's descriptors of threads ---- */

/* nptl/db_info.c: size in bits, number, and offset in a thread's descriptor. */
extern const uint32_t _thread_db_pthread_tid[3];
extern const uint32_t _thread_db_pthread_start_routine[3];
extern const uint32_t _thread_db_sizeof_pthread;
void __nptl_free_tcb(void *descriptor);

/* Where the thread is that joins; of one that is detached, it itself. 0: not found. */
static size_t joiner_offset;
static _Atomic uint32_t is_tried;

static uintptr_t word_at(pthread_t thread, size_t offset)
{
    uintptr_t word;
    memcpy(&word, (const void *)((uintptr_t)thread + offset), sizeof word);
    return word;
}

/* The word of its own descriptor that becomes the descriptor's address when a thread detaches itself. */
static void *try_joiner(void *unused)
{
    (void)unused;
    pthread_t self = pthread_self();
    size_t words = _thread_db_sizeof_pthread / sizeof(uintptr_t);
    bool before[4096 / sizeof(uintptr_t)];
    words = words < sizeof before / sizeof before[0] ? words : sizeof before / sizeof before[0];
    for (size_t i = 0; i < words; i++) {
        before[i] = word_at(self, i * sizeof(uintptr_t)) == 0;
    }
    pthread_detach(self);
    for (size_t i = 1; i < words; i++) {
        if (before[i] && word_at(self, i * sizeof(uintptr_t)) == (uintptr_t)self) {
            joiner_offset = i * sizeof(uintptr_t);
        }
    }
    atomic_store(&is_tried, 1);
    space_futex_wake(&is_tried);
    return NULL;
}

static bool is_detached(pthread_t thread)
{
    return joiner_offset != 0 && word_at(thread, joiner_offset) == (uintptr_t)thread;
}

uint64_t space_start_routine(void)
{
    return gettid() == space_process ? 0 : word_at(pthread_self(), _thread_db_pthread_start_routine[2]);
}

/* ---- A thread's side ---- */

static void drop_equipment(void *stack)
{
    stack_t none = {.ss_flags = SS_DISABLE};
    __sigaltstack(&none, NULL);
    own_signal_stack = NULL;
    munmap(stack, SPACE_SIGNAL_STACK_SIZE);
}

void space_prepare_halting(void)
{
    pthread_key_create(&equipment, drop_equipment);
    pthread_t trial;
    if (pthread_create(&trial, NULL, try_joiner, NULL) == 0) {
        while (atomic_load(&is_tried) == 0) {
            space_futex_wait(&is_tried, 0, NULL);
        }
    }
}

/* The space's own threads do not overflow their stacks, and a worker has one. */
static bool is_own(uint64_t start_routine)
{
    return start_routine == (uintptr_t)space_serve || start_routine == (uintptr_t)space_work;
}

void space_equip_thread(void)
{
    if (space_process == 0 || gettid() == space_process || is_own(space_start_routine())) {
        return;
    }
    void *stack = mmap(NULL, SPACE_SIGNAL_STACK_SIZE, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) {
        /* The thread is none the worse for it until its stack overflows. */
        return;
    }
    stack_t signals = {.ss_sp = stack, .ss_size = SPACE_SIGNAL_STACK_SIZE};
    if (__sigaltstack(&signals, NULL) != 0 || pthread_setspecific(equipment, stack) != 0) {
        munmap(stack, SPACE_SIGNAL_STACK_SIZE);
        return;
    }
    own_signal_stack = stack;
}

static void take_release(void);

/* Waits for a release; on the initial thread by taking releases, so that its own comes. */
static void stand_still(struct halted *it, int seconds)
{
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    const struct timespec interval = {.tv_nsec = 100000000};
    bool is_initial = it->number == space_process;
    while (atomic_load(&it->is_released) == 0) {
        if (is_initial) {
            struct pollfd events = {.fd = space_event_socket, .events = POLLIN};
            if (poll(&events, 1, 100) > 0) {
                take_release();
            }
        } else {
            space_futex_wait(&it->is_released, 0, &interval);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (seconds > 0 && now.tv_sec - start.tv_sec > seconds) {
            return;
        }
    }
}

void space_halt(uint32_t kind, struct space_fault *fault, int seconds)
{
    struct halted it = {
        .thread = pthread_self(),
        .number = gettid(),
        .is_server = space_is_server(),
        .signal_stack = own_signal_stack,
        .destructors = space_own_destructors(),
    };
    kernel_note_halt(gettid());
    struct space_reply reply = {.kind = kind, .fault = *fault};
    if (reply.fault.start_routine == 0) {
        reply.fault.start_routine = space_start_routine();
    }
    it.next = atomic_load(&halted);
    while (!atomic_compare_exchange_weak(&halted, &it.next, &it)) {
    }
    space_unlock_streams(it.thread);
    /* When many fault at once, this waits too. Without a daemon the server's thread ends the process. */
    bool is_sent = send(space_event_socket, &reply, sizeof reply, MSG_NOSIGNAL) == (ssize_t)sizeof reply;
    if (is_sent || seconds == 0) {
        stand_still(&it, seconds);
    }
}

_Noreturn void space_abandon_thread(void)
{
    if (gettid() == space_process) {
        siglongjmp(keeping, 1);
    }
    space_leave_thread();
}

/* ---- The initial thread's side ---- */

static void remember(pthread_t thread, uint64_t start_routine)
{
    pthread_mutex_lock(&dead_lock);
    if (dead_count < DEAD_LIMIT) {
        dead[dead_count++] = (struct dead){.thread = thread, .start_routine = start_routine};
    }
    pthread_mutex_unlock(&dead_lock);
}

static void wait_for_end(pid_t number)
{
    const struct timespec interval = {.tv_nsec = 50000};
    while (syscall(SYS_tgkill, space_process, number, 0) == 0) {
        nanosleep(&interval, NULL);
    }
}

/* Lets a thread end, and frees what belongs to it. */
static void bury(struct halted *it)
{
    struct halted copy = *it;
    uint64_t start_routine = word_at(copy.thread, _thread_db_pthread_start_routine[2]);
    space_forget_destructors(copy.destructors);
    bool detached = is_detached(copy.thread);
    atomic_store(&it->is_released, 1);
    space_futex_wake(&it->is_released);
    if (copy.number == space_process || copy.is_server) {
        return;
    }
    wait_for_end(copy.number);
    space_release_locks(copy.thread);
    if (copy.signal_stack != NULL) {
        munmap(copy.signal_stack, SPACE_SIGNAL_STACK_SIZE);
    }
    if (!detached) {
        remember(copy.thread, start_routine);
    } else if (space_is_known_thread(copy.thread)) {
        __nptl_free_tcb((void *)(uintptr_t)copy.thread);
    }
}

void space_bury_ended(pthread_t thread)
{
    uintptr_t distance = (uintptr_t)&own_signal_stack - (uintptr_t)pthread_self();
    void *signal_stack = *(void **)((uintptr_t)thread + distance);
    space_forget_destructors(space_destructors_of(thread));
    space_release_locks(thread);
    if (signal_stack != NULL) {
        munmap(signal_stack, SPACE_SIGNAL_STACK_SIZE);
    }
    if (is_detached(thread)) {
        __nptl_free_tcb((void *)(uintptr_t)thread);
    } else {
        remember(thread, word_at(thread, _thread_db_pthread_start_routine[2]));
    }
}

/* Takes the thread of that number out of the list. */
static struct halted *find(pid_t number)
{
    struct halted *new = atomic_exchange(&halted, NULL);
    while (new != NULL) {
        struct halted *next = new->next;
        new->next = known;
        known = new;
        new = next;
    }
    for (struct halted **link = &known; *link != NULL; link = &(*link)->next) {
        struct halted *it = *link;
        if (it->number == number) {
            *link = it->next;
            return it;
        }
    }
    return NULL;
}

/* Takes one message of the daemon's; waits for ever when there will be none. */
static void take_release(void)
{
    struct space_release release;
    ssize_t length = recv(space_event_socket, &release, sizeof release, 0);
    if (length == (ssize_t)sizeof release) {
        struct halted *it = find((pid_t)release.thread);
        if (it != NULL) {
            bury(it);
        }
    } else if (length == 0 || (length < 0 && errno != EINTR)) {
        /* The daemon has gone: the server's thread ends the process. */
        pause();
    }
}

_Noreturn void space_keep(void)
{
    sigsetjmp(keeping, 1);
    for (;;) {
        take_release();
    }
}

/* ---- The server's side ---- */

void space_bury_threads(uint64_t image)
{
    pthread_mutex_lock(&dead_lock);
    for (size_t i = 0; i < dead_count;) {
        struct dead it = dead[i];
        if (space_image_at(it.start_routine) != image) {
            i++;
            continue;
        }
        dead[i] = dead[--dead_count];
        /* Unless the module has joined it; then the descriptor is gone, or another thread's. */
        if (space_is_known_thread(it.thread)
            && word_at(it.thread, _thread_db_pthread_start_routine[2]) == it.start_routine) {
            pthread_tryjoin_np(it.thread, NULL);
        }
    }
    pthread_mutex_unlock(&dead_lock);
}
