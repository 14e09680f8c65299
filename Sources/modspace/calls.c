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
#include "kernel.h"
#include "modspace.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

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

/* ---- Futexes ---- */

void space_futex_wait(_Atomic uint32_t *futex, uint32_t value, const struct timespec *wait)
{
    syscall(SYS_futex, futex, FUTEX_WAIT_PRIVATE, value, wait, NULL, 0);
}

void space_futex_wake(_Atomic uint32_t *futex)
{
    syscall(SYS_futex, futex, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

void space_set_worker_state(struct space_worker *it, uint32_t state)
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

/* ---- The server's side: one call ---- */

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * NANOSECONDS + time.tv_nsec;
}

/* Whether whoever wants the call wants it no more. Does not return when nobody wants anything any more. */
static bool is_given_up(const struct space_lane *lane, const struct space_worker *it)
{
    bool is_abandoned = space_is_abandoned(lane);
    if (is_abandoned && lane == &space_first_lane) {
        /* A call without an end must not outlive the only one who could stop it. */
        space_end_unconnected();
    }
    return is_abandoned || space_is_interrupted(lane, it->request.sequence);
}

/*
 * Waits for the end of the call. Returns false when that much time (NO_DEADLINE: for ever) passes first, not counting
 * time in which this process stood still; or when the call is given up. With a lane, it is a call that goes on: it may be
 * given up, and time in which a debugger has this process does not count either. Without one (NULL), it is being stopped.
 */
static bool wait_for_end(const struct space_lane *lane, struct space_worker *it, int64_t timeout)
{
    int64_t deadline = timeout == NO_DEADLINE ? NO_DEADLINE : now() + timeout;
    for (;;) {
        uint32_t state = atomic_load(&it->state);
        if (state == SPACE_WORKER_IDLE || state == SPACE_WORKER_STOPPED) {
            return true;
        }
        if (state > SPACE_WORKER_DISMISSED || state == SPACE_WORKER_NEW) {
            /* Something has been written over it: nobody knows what the thread does. */
            return false;
        }
        if (state == SPACE_WORKER_ENDING) {
            it->joined = pthread_tryjoin_np(it->thread, NULL) == 0;
            if (it->joined) {
                return true;
            }
        }
        int64_t rest = deadline == NO_DEADLINE ? LONGEST_WAIT : deadline - now();
        if (rest <= 0 && !(lane != NULL && space_is_traced())) {
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
        kernel_tick();
        bool is_unchanged = state == SPACE_WORKER_RUNNING && atomic_load(&it->state) == state;
        if (is_unchanged && now() - begin >= rest && pthread_tryjoin_np(it->thread, NULL) == 0) {
            /* The function has ended its thread by a system call, which tells nobody. */
            it->joined = true;
            return true;
        }
        int64_t excess = now() - begin - rest;
        if (excess > STANDSTILL && deadline != NO_DEADLINE) {
            deadline += excess;
        }
        if (lane != NULL && is_given_up(lane, it)) {
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

/* The deadline has passed, or the state is none. Returns false when the thread does not heed it, and is left to itself. */
static bool stop(struct space_worker *it)
{
    signal_deadline(it);
    if (wait_for_end(NULL, it, GRACE)) {
        return true;
    }
    uint32_t state = atomic_load(&it->state);
    /* Whatever else stands there has been written over it by a module. */
    while (state != SPACE_WORKER_IDLE && state != SPACE_WORKER_STOPPED) {
        it->is_damaged = state != SPACE_WORKER_RUNNING && state != SPACE_WORKER_ENDING;
        if (atomic_compare_exchange_strong(&it->state, &state, SPACE_WORKER_LEFT)) {
            return false;
        }
    }
    return true;
}

static void copy_results(const struct space_worker *it, struct space_reply *reply)
{
    reply->result = it->result;
    for (uint32_t i = 0; i < SPACE_ADDRESS_LIMIT; i++) {
        reply->results[i] = it->results[i];
    }
}

/* The call is over, one way or the other. Returns the reply's status. */
static int conclude(struct space_lane *lane, bool heeded, struct space_reply *reply)
{
    struct space_worker *it = lane->worker;
    if (!heeded) {
        reply->fault.kind = it->reason;
        space_leave_worker(it);
        lane->worker = NULL;
        return it->is_damaged ? SPACE_DAMAGED : SPACE_TIMED_OUT;
    }
    if (it->joined) {
        space_bury_worker(it);
        lane->worker = NULL;
        return SPACE_THREAD_ENDED;
    }
    if (atomic_load(&it->state) == SPACE_WORKER_STOPPED) {
        reply->fault = it->fault;
        space_unlock_streams(it->thread);
        space_release_locks(it->thread);
        lane->stopped = it;
        lane->worker = NULL;
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

int space_call(struct space_lane *lane, const struct space_request *request, struct space_reply *reply)
{
    int error = check(request);
    if (error != 0) {
        return error;
    }
    space_release(lane);
    space_bury_returned();
    if (lane->worker == NULL) {
        error = space_start_worker(lane);
        if (error != 0) {
            return error;
        }
    }
    if (!space_is_filtered) {
        space_install_faults();
    }
    struct space_worker *it = lane->worker;
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
    space_set_worker_state(it, SPACE_WORKER_RUNNING);
    bool heeded = wait_for_end(lane, it, timeout == 0 ? NO_DEADLINE : timeout) || stop(it);
    uint64_t image = lane == &space_first_lane ? space_image_at(space_place_of(request, it->index)) : 0;
    int status = conclude(lane, heeded, reply);
    space_flush_streams();
    space_note_state(image);
    if (lane == &space_first_lane) {
        space_restore_standard();
    }
    return status;
}
