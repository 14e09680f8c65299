/*
 * Calls into modules, each on the worker: a thread that may be lost.
 *
 *     server                                     worker
 *     request, state = RUNNING  -------------->  runs the function
 *       waits                   <--------------  IDLE: it returned
 *                               <--------------  STOPPED: a fault, or the deadline's signal; stands in the handler
 *                               <--------------  ENDING: pthread_exit; join it
 *     after the deadline, no answer: LEFT        ends by itself should it ever come back
 *
 * Every change of the state is one compare-and-exchange, so that a call that returns just as its time is up is
 * either in time or stopped, and never both. The state is a futex, not a condition variable, because a signal
 * handler takes part.
 *
 * A stopped thread keeps its stack as it was, for whoever looks into what happened, until it is released. Then
 * it leaves by the system call alone: its locks, its heap and its thread-specific data may be in any state, and
 * to run the destructors of pthread_exit over them could hang or fault again. glibc's pthread_join only waits
 * for the kernel's word that the thread is gone, so it still frees all that belongs to it.
 */
#define _GNU_SOURCE
#include "modspace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK_SIZE (8u << 20)
#define GUARD_SIZE (256u << 10)
#define NANOSECONDS INT64_C(1000000000)
#define NO_DEADLINE INT64_MAX
/* How long a thread may take to heed the deadline's signal before it is taken for one that blocks it. */
#define GRACE NANOSECONDS
/*
 * How long to wait for a thread's end, which wakes nobody, and at most for the rest: so often is the daemon's
 * being there looked at.
 */
#define END_INTERVAL (NANOSECONDS / 1000)
#define LONGEST_WAIT (NANOSECONDS / 5)
/* A wait that takes so much longer than it was to: this process stood still, and so did the call. */
#define STANDSTILL (NANOSECONDS / 10)

static struct space_worker *worker;
static struct space_worker *stopped;
static struct space_worker *left;
static __thread struct space_worker *own_worker;

/* ---- Futexes ---- */

void space_futex_wait(_Atomic uint32_t *futex, uint32_t value, const struct timespec *wait)
{
    syscall(SYS_futex, futex, FUTEX_WAIT_PRIVATE, value, wait, NULL, 0);
}

void space_futex_wake(_Atomic uint32_t *futex)
{
    syscall(SYS_futex, futex, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static void set_state(struct space_worker *it, uint32_t state)
{
    atomic_store(&it->state, state);
    space_futex_wake(&it->state);
}

_Noreturn void space_leave_thread(void)
{
    for (;;) {
        syscall(SYS_exit, 0);
    }
}

struct space_worker *space_own_worker(void)
{
    return own_worker;
}

/* ---- The worker's side ---- */

static void call_array(struct space_worker *it)
{
    void (**functions)(void) = (void (**)(void))(uintptr_t)it->request.address;
    bool reverse = (it->request.flags & SPACE_REVERSE) != 0;
    for (uint32_t i = 0; i < it->request.count; i++) {
        it->index = reverse ? it->request.count - 1 - i : i;
        functions[it->index]();
    }
    it->result = it->request.count;
}

static void resolve(struct space_worker *it)
{
    for (uint32_t i = 0; i < it->request.count; i++) {
        it->index = i;
        unsigned long (*resolver)(void) = (unsigned long (*)(void))(uintptr_t)it->request.addresses[i];
        it->results[i] = resolver();
    }
}

static void run(struct space_worker *it)
{
    const struct space_request *request = &it->request;
    switch (request->kind) {
    case SPACE_CALL: {
        /* A long is a word of every machine: where it is shorter than the packet's, the upper half is dropped. */
        long (*function)(unsigned long, unsigned long, unsigned long, unsigned long)
            = (void *)(uintptr_t)request->address;
        unsigned long words[SPACE_ARGUMENT_LIMIT];
        for (size_t i = 0; i < SPACE_ARGUMENT_LIMIT; i++) {
            words[i] = (unsigned long)request->arguments[i];
        }
        it->result = function(words[0], words[1], words[2], words[3]);
        break;
    }
    case SPACE_CALL_ARRAY:
        call_array(it);
        break;
    case SPACE_RESOLVE:
        resolve(it);
        break;
    case SPACE_FRAMES:
        it->status = space_frames(request);
        break;
    case SPACE_SYSTEM_CALL:
        it->result = space_enter_system_call(request, it->results);
        break;
    case SPACE_DEVICE:
        it->result = space_enter_device(request, &it->results[0]);
        break;
    default:
        it->status = space_finish_thread(request->address);
    }
}

/* A module may have changed what belongs to its thread and forgotten to change it back. */
static void restore_thread(struct space_worker *it)
{
    stack_t stack = {.ss_sp = it->signal_stack, .ss_size = SPACE_SIGNAL_STACK_SIZE};
    sigaltstack(&stack, NULL);
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
}

/*
 * pthread_exit in a call, or pthread_cancel from another thread. What is still to come are the thread's
 * destructors.
 */
static void thread_ends(void *argument)
{
    struct space_worker *it = argument;
    uint32_t state = SPACE_WORKER_RUNNING;
    atomic_compare_exchange_strong(&it->state, &state, SPACE_WORKER_ENDING);
    space_futex_wake(&it->state);
}

static void serve_calls(struct space_worker *it)
{
    for (;;) {
        uint32_t state = atomic_load(&it->state);
        while (state != SPACE_WORKER_RUNNING) {
            space_futex_wait(&it->state, state, NULL);
            state = atomic_load(&it->state);
        }
        restore_thread(it);
        run(it);
        if (getpid() != space_process) {
            /* The module forked, and this is the child: there is nobody to return to. */
            _exit(0);
        }
        if (!atomic_compare_exchange_strong(&it->state, &state, SPACE_WORKER_IDLE)) {
            space_leave_thread();
        }
        space_futex_wake(&it->state);
    }
}

void *space_work(void *argument)
{
    struct space_worker *it = argument;
    own_worker = it;
    it->number = gettid();
    it->destructors = space_own_destructors();
    restore_thread(it);
    set_state(it, SPACE_WORKER_IDLE);
    pthread_cleanup_push(thread_ends, it);
    serve_calls(it);
    pthread_cleanup_pop(0);
    return NULL;
}

/* ---- The server's side: workers come and go ---- */

static size_t round_up(size_t size)
{
    return (size + space_page_size - 1) / space_page_size * space_page_size;
}

static size_t worker_size(void)
{
    return round_up(sizeof(struct space_worker)) + GUARD_SIZE + SPACE_SIGNAL_STACK_SIZE + GUARD_SIZE + STACK_SIZE;
}

/* Maps a worker's memory, all of it without access but for the parts in use. */
static struct space_worker *map_worker(void)
{
    const int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK;
    char *memory = mmap(NULL, worker_size(), PROT_NONE, kind, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    char *signal_stack = memory + round_up(sizeof(struct space_worker)) + GUARD_SIZE;
    char *stack = signal_stack + SPACE_SIGNAL_STACK_SIZE + GUARD_SIZE;
    if (mprotect(memory, round_up(sizeof(struct space_worker)), PROT_READ | PROT_WRITE) != 0
        || mprotect(signal_stack, SPACE_SIGNAL_STACK_SIZE, PROT_READ | PROT_WRITE) != 0
        || mprotect(stack, STACK_SIZE, PROT_READ | PROT_WRITE) != 0) {
        munmap(memory, worker_size());
        return NULL;
    }
    struct space_worker *it = (struct space_worker *)(void *)memory;
    it->memory = memory;
    it->signal_stack = signal_stack;
    it->fault.stack_start = (uintptr_t)stack;
    it->fault.stack_end = (uintptr_t)stack + STACK_SIZE;
    return it;
}

static int start_worker(void)
{
    struct space_worker *it = map_worker();
    if (it == NULL) {
        return EAGAIN;
    }
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, (void *)(uintptr_t)it->fault.stack_start, STACK_SIZE);
    int error = pthread_create(&it->thread, &attributes, space_work, it);
    pthread_attr_destroy(&attributes);
    if (error != 0) {
        munmap(it->memory, worker_size());
        return EAGAIN;
    }
    while (atomic_load(&it->state) == SPACE_WORKER_NEW) {
        space_futex_wait(&it->state, SPACE_WORKER_NEW, NULL);
    }
    worker = it;
    return 0;
}

/* Frees what belongs to a thread that has ended, or is about to. */
static void bury(struct space_worker *it)
{
    if (!it->joined) {
        pthread_join(it->thread, NULL);
    }
    /* The list's head is on the thread's stack, which is still there. */
    if (it->destructors != NULL) {
        space_forget_destructors(it->destructors);
    }
    munmap(it->memory, worker_size());
}

void space_release(void)
{
    if (stopped != NULL) {
        set_state(stopped, SPACE_WORKER_RELEASED);
        bury(stopped);
        stopped = NULL;
    }
}

int space_pending(uint64_t image, int64_t *result)
{
    if (image == 0 || space_image_at(image) != image) {
        return EINVAL;
    }
    uint32_t own = space_own_pending(worker, image) + space_own_pending(stopped, image);
    *result = (int64_t)atomic_load(space_image_destructors(image)) - own;
    return 0;
}

static void bury_returned(void)
{
    struct space_worker **link = &left;
    while (*link != NULL) {
        struct space_worker *it = *link;
        it->joined = pthread_tryjoin_np(it->thread, NULL) == 0;
        if (it->joined) {
            *link = it->next_left;
            bury(it);
        } else {
            link = &it->next_left;
        }
    }
}

/* ---- The server's side: one call ---- */

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * NANOSECONDS + time.tv_nsec;
}

/*
 * Waits for the end of the call. Returns false when that much time (NO_DEADLINE: for ever) passes first, not counting
 * time in which this process stood still. A patient one does not count time in which a debugger has this process either.
 */
static bool wait_for_end(struct space_worker *it, int64_t timeout, bool patient)
{
    int64_t deadline = timeout == NO_DEADLINE ? NO_DEADLINE : now() + timeout;
    for (;;) {
        uint32_t state = atomic_load(&it->state);
        if (state == SPACE_WORKER_IDLE || state == SPACE_WORKER_STOPPED) {
            return true;
        }
        if (state == SPACE_WORKER_ENDING) {
            it->joined = pthread_tryjoin_np(it->thread, NULL) == 0;
            if (it->joined) {
                return true;
            }
        }
        int64_t rest = deadline == NO_DEADLINE ? LONGEST_WAIT : deadline - now();
        if (rest <= 0 && !(patient && space_is_traced())) {
            return false;
        }
        if (rest <= 0) {
            deadline = now() + timeout;
            rest = timeout;
        }
        int64_t longest = state == SPACE_WORKER_ENDING ? END_INTERVAL : LONGEST_WAIT;
        rest = rest < longest ? rest : longest;
        struct timespec wait = {.tv_sec = rest / NANOSECONDS, .tv_nsec = rest % NANOSECONDS};
        int64_t begin = now();
        space_futex_wait(&it->state, state, &wait);
        int64_t excess = now() - begin - rest;
        if (excess > STANDSTILL && deadline != NO_DEADLINE) {
            deadline += excess;
        }
        if (space_is_abandoned()) {
            /* A call without an end must not outlive the only one who could stop it. */
            space_end();
        }
        if (space_is_interrupted(it->request.sequence)) {
            it->reason = SPACE_FAULT_INTERRUPT;
            return false;
        }
    }
}

static void signal_deadline(struct space_worker *it)
{
    siginfo_t info = {.si_signo = SPACE_DEADLINE_SIGNAL, .si_code = SI_QUEUE};
    info.si_pid = space_process;
    info.si_uid = getuid();
    info.si_value.sival_int = (int)atomic_load(&it->call);
    syscall(SYS_rt_tgsigqueueinfo, space_process, it->number, SPACE_DEADLINE_SIGNAL, &info);
}

/* The deadline has passed. Returns false when the thread does not heed it, and is left to itself. */
static bool stop(struct space_worker *it)
{
    signal_deadline(it);
    if (wait_for_end(it, GRACE, false)) {
        return true;
    }
    uint32_t state = atomic_load(&it->state);
    while (state == SPACE_WORKER_RUNNING || state == SPACE_WORKER_ENDING) {
        if (atomic_compare_exchange_strong(&it->state, &state, SPACE_WORKER_LEFT)) {
            return false;
        }
    }
    return wait_for_end(it, NO_DEADLINE, false);
}

static void copy_results(const struct space_worker *it, struct space_reply *reply)
{
    reply->result = it->result;
    for (uint32_t i = 0; i < SPACE_ADDRESS_LIMIT; i++) {
        reply->results[i] = it->results[i];
    }
}

/* The call is over, one way or the other. Returns the reply's status. */
static int conclude(struct space_worker *it, bool heeded, struct space_reply *reply)
{
    if (!heeded) {
        reply->fault.kind = it->reason;
        it->next_left = left;
        left = it;
        worker = NULL;
        return SPACE_TIMED_OUT;
    }
    if (it->joined) {
        bury(it);
        worker = NULL;
        return SPACE_THREAD_ENDED;
    }
    if (atomic_load(&it->state) == SPACE_WORKER_STOPPED) {
        reply->fault = it->fault;
        space_unlock_streams(it->thread);
        stopped = it;
        worker = NULL;
        if (it->fault.kind == SPACE_FAULT_DEADLINE || it->fault.kind == SPACE_FAULT_INTERRUPT) {
            return SPACE_TIMED_OUT;
        }
        reply->kind = SPACE_FAULTED;
        return EFAULT;
    }
    copy_results(it, reply);
    return it->status;
}

/* Whether a pointer has room for it. */
static bool is_address(uint64_t number)
{
    return (uintptr_t)number == number;
}

static int check(const struct space_request *request)
{
    switch (request->kind) {
    case SPACE_CALL:
        return is_address(request->address) ? 0 : EFAULT;
    case SPACE_CALL_ARRAY: {
        uint64_t size = (uint64_t)request->count * sizeof(void *);
        return space_is_mapped(request->address, size, SPACE_READABLE) ? 0 : EFAULT;
    }
    case SPACE_RESOLVE:
        if (request->count > SPACE_ADDRESS_LIMIT) {
            return EINVAL;
        }
        for (uint32_t i = 0; i < request->count; i++) {
            if (!is_address(request->addresses[i])) {
                return EFAULT;
            }
        }
        return 0;
    case SPACE_SYSTEM_CALL:
        return request->count <= SPACE_CALL_LIMIT ? 0 : EINVAL;
    case SPACE_FRAMES:
        return space_is_mapped(request->address, request->size, SPACE_READABLE) ? 0 : EFAULT;
    default:
        return 0;
    }
}

int space_call(const struct space_request *request, struct space_reply *reply)
{
    int error = check(request);
    if (error != 0) {
        return error;
    }
    space_release();
    bury_returned();
    if (worker == NULL) {
        error = start_worker();
        if (error != 0) {
            return error;
        }
    }
    space_catch_faults();
    struct space_worker *it = worker;
    it->request = *request;
    it->index = SPACE_NO_INDEX;
    it->reason = SPACE_FAULT_DEADLINE;
    it->status = 0;
    it->result = 0;
    for (uint32_t i = 0; i < SPACE_ADDRESS_LIMIT; i++) {
        it->results[i] = 0;
    }
    atomic_fetch_add(&it->call, 1);
    int64_t timeout = request->timeout_milliseconds * (NANOSECONDS / 1000);
    set_state(it, SPACE_WORKER_RUNNING);
    bool heeded = wait_for_end(it, timeout == 0 ? NO_DEADLINE : timeout, true) || stop(it);
    int status = conclude(it, heeded, reply);
    space_flush_streams();
    return status;
}
