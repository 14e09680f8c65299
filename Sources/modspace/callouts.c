/*
 * Callouts and timeouts: functions of modules that are called when time has passed.
 *
 *     the clock    a thread that waits for the next time and runs nothing of a module; begins with the first callout
 *     the runner   a thread that calls what is due, one after the other. A fault in it is as one in a thread of the module's (faults.c). One that
 *                  is in a function for longer than PATIENCE, or stands still there, gets a successor, and ends when it comes back.
 *
 * What is known of a callout is kept here; of a module's memory nothing is looked at meanwhile.
 */
#define _GNU_SOURCE
#include "kernel.h"
#include "signals.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/callout.h>
#include <sys/condvar.h>
#include <time.h>
#include <unistd.h>

#define LIMIT 4096
#define PATIENCE INT64_C(1000000000)
#define NEVER INT64_MAX

enum state { FREE, WAITING, DUE };

struct record {
    enum state state;
    /* NULL for a timeout, which is known by function and argument. */
    callout_t *callout;
    void (*function)(void *);
    void *argument;
    bool is_parallel;
    int64_t time;
};

/* All under kernel_lock. */
static struct record records[LIMIT];
/* No record at or behind it is in use. */
static size_t limit;
static bool is_started;
/* What the runner is in; function is NULL for nothing. */
static struct record running;
static int64_t running_since;
/* Which runner is the one: a former one ends. */
static uint32_t runner;
static uint32_t last_runner;
/* The thread that it is, and whether that stands still after a fault. */
static _Atomic pid_t runner_thread;
static _Atomic bool is_halted;
/* Change when there is something to look at. */
static _Atomic uint32_t clock_bell;
static _Atomic uint32_t runner_bell;

static void ring(_Atomic uint32_t *bell)
{
    atomic_fetch_add(bell, 1);
    space_futex_wake(bell);
}

/* ---- The runner ---- */

/* Takes the record that is due longest. Under the lock. */
static bool take_due(struct record *due)
{
    struct record *first = NULL;
    for (size_t i = 0; i < limit; i++) {
        if (records[i].state == DUE && (first == NULL || records[i].time < first->time)) {
            first = &records[i];
        }
    }
    if (first == NULL) {
        return false;
    }
    *due = *first;
    first->state = FREE;
    running = *due;
    running_since = kernel_now();
    return true;
}

static void call(const struct record *due)
{
    int level = due->is_parallel ? 0 : modlink_raise();
    due->function(due->argument);
    if (!due->is_parallel) {
        splx(level);
    }
}

static void *run(void *number)
{
    uint32_t self = (uint32_t)(uintptr_t)number;
    atomic_store(&runner_thread, gettid());
    for (;;) {
        sigset_t saved;
        struct record due;
        uint32_t bell = atomic_load(&runner_bell);
        kernel_lock(&saved);
        bool is_wanted = self == runner;
        bool is_due = is_wanted && take_due(&due);
        kernel_unlock(&saved);
        if (!is_wanted) {
            return NULL;
        }
        if (!is_due) {
            space_futex_wait(&runner_bell, bell, NULL);
            continue;
        }
        call(&due);
        kernel_lock(&saved);
        if (self == runner) {
            running.function = NULL;
        }
        kernel_unlock(&saved);
        space_flush_streams();
    }
}

static bool start_thread(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    /* Signals that are meant for the process are others' to take. */
    uint64_t before = space_block_most();
    int error = pthread_create(&thread, &attributes, function, argument);
    space_change_mask(SIG_SETMASK, before);
    pthread_attr_destroy(&attributes);
    return error == 0;
}

/* ---- The clock ---- */

/* What has come is due. Returns when the next one comes. Under the lock. */
static int64_t advance(bool *has_due)
{
    int64_t now = kernel_now();
    int64_t next = NEVER;
    *has_due = false;
    for (size_t i = 0; i < limit; i++) {
        if (records[i].state == WAITING && records[i].time <= now) {
            records[i].state = DUE;
        }
        *has_due = *has_due || records[i].state == DUE;
        if (records[i].state == WAITING && records[i].time < next) {
            next = records[i].time;
        }
    }
    if (*has_due && running.function != NULL) {
        /* It is looked at again when the runner's patience is over. */
        int64_t end = running_since + PATIENCE;
        next = end > now && end < next ? end : next;
    }
    return next;
}

void kernel_note_halt(pid_t thread)
{
    kernel_leave_level(thread);
    if (thread == atomic_load(&runner_thread)) {
        atomic_store(&is_halted, true);
        ring(&clock_bell);
    }
}

/* The module that the runner was in has faulted: it is not called any more. Under the lock. */
static void drop_faulted(void)
{
    uint64_t image = space_image_at((uintptr_t)running.function);
    for (size_t i = 0; i < limit; i++) {
        if (records[i].state != FREE && space_image_at((uintptr_t)records[i].function) == image) {
            records[i].state = FREE;
        }
    }
    running.function = NULL;
    runner = 0;
}

/* Whether there has to be another runner; it has the number then. Under the lock. */
static bool needs_runner(bool has_due, uint32_t *number)
{
    bool is_stuck = running.function != NULL && running_since + PATIENCE <= kernel_now();
    if (!has_due || (runner != 0 && !is_stuck)) {
        return false;
    }
    last_runner++;
    runner = last_runner;
    running.function = NULL;
    *number = runner;
    return true;
}

_Noreturn static void keep_time(void)
{
    for (;;) {
        sigset_t saved;
        bool has_due;
        uint32_t number = 0;
        uint32_t bell = atomic_load(&clock_bell);
        kernel_lock(&saved);
        if (atomic_exchange(&is_halted, false)) {
            drop_faulted();
        }
        int64_t next = advance(&has_due);
        bool needs = needs_runner(has_due, &number);
        kernel_unlock(&saved);
        kernel_tick();
        if (needs && !start_thread(run, (void *)(uintptr_t)number)) {
            next = kernel_now() + PATIENCE;
            kernel_lock(&saved);
            runner = 0;
            kernel_unlock(&saved);
        }
        if (has_due) {
            ring(&runner_bell);
        }
        int64_t rest = next == NEVER ? 0 : next - kernel_now();
        if (next != NEVER && rest <= 0) {
            continue;
        }
        const struct timespec wait = {.tv_sec = rest / PATIENCE, .tv_nsec = rest % PATIENCE};
        space_futex_wait(&clock_bell, bell, next == NEVER ? NULL : &wait);
    }
}

static void *begin_clock(void *unused)
{
    (void)unused;
    keep_time();
}

/* ---- What modules call ---- */

static bool is_same(const struct record *it, const struct record *other)
{
    return it->callout == other->callout
        && (it->callout != NULL || (it->function == other->function && it->argument == other->argument));
}

/* Under the lock; NULL for none. */
static struct record *find(const struct record *wanted)
{
    for (size_t i = 0; i < limit; i++) {
        if (records[i].state != FREE && is_same(&records[i], wanted)) {
            return &records[i];
        }
    }
    return NULL;
}

static struct record *find_free(void)
{
    for (size_t i = 0; i < LIMIT; i++) {
        if (records[i].state == FREE) {
            limit = i >= limit ? i + 1 : limit;
            return &records[i];
        }
    }
    return NULL;
}

static void enter(struct record record, int ticks)
{
    record.state = WAITING;
    record.time = kernel_now() + kernel_ticks(ticks > 0 ? ticks : 1);
    sigset_t saved;
    kernel_lock(&saved);
    struct record *it = record.callout != NULL ? find(&record) : NULL;
    it = it != NULL ? it : find_free();
    if (it != NULL) {
        *it = record;
    }
    bool starts = !is_started;
    is_started = true;
    kernel_unlock(&saved);
    if (it == NULL) {
        panic("more than %d callouts", LIMIT);
    }
    if (starts && !start_thread(begin_clock, NULL)) {
        kernel_lock(&saved);
        is_started = false;
        kernel_unlock(&saved);
        panic("no thread for callouts");
    }
    ring(&clock_bell);
}

/* Takes it out. Returns whether it was due or is being called, and whether it is being called. */
static bool leave(const struct record *wanted, bool *is_called)
{
    sigset_t saved;
    kernel_lock(&saved);
    struct record *it = find(wanted);
    *is_called = running.function != NULL && is_same(&running, wanted);
    bool has_come = *is_called || (it != NULL && it->state == DUE);
    if (it != NULL) {
        it->state = FREE;
    }
    kernel_unlock(&saved);
    return has_come;
}

void callout_init(callout_t *callout, u_int flags)
{
    memset(callout, 0, sizeof *callout);
    callout->c_flags = (int)flags;
}

void callout_destroy(callout_t *callout)
{
    if (callout_pending(callout)) {
        panic("callout_destroy: the callout is pending");
    }
}

void callout_setfunc(callout_t *callout, void (*function)(void *), void *argument)
{
    callout->c_func = function;
    callout->c_arg = argument;
}

void callout_schedule(callout_t *callout, int ticks)
{
    const struct record it = {
        .callout = callout,
        .function = callout->c_func,
        .argument = callout->c_arg,
        .is_parallel = (callout->c_flags & CALLOUT_MPSAFE) != 0,
    };
    enter(it, ticks);
}

void callout_reset(callout_t *callout, int ticks, void (*function)(void *), void *argument)
{
    callout_setfunc(callout, function, argument);
    callout_schedule(callout, ticks);
}

int callout_stop(callout_t *callout)
{
    bool is_called;
    return leave(&(struct record){.callout = callout}, &is_called);
}

int callout_halt(callout_t *callout, void *lock)
{
    bool is_called;
    bool has_come = leave(&(struct record){.callout = callout}, &is_called);
    if (!is_called) {
        return has_come;
    }
    if (lock != NULL) {
        mutex_exit(lock);
    }
    /* Its own function cannot wait for itself. */
    while (callout_invoking(callout) && space_start_routine() != (uintptr_t)run) {
        kpause("callout", 0, 1, NULL);
    }
    if (lock != NULL) {
        mutex_enter(lock);
    }
    return has_come;
}

static enum state state_of(callout_t *callout)
{
    sigset_t saved;
    kernel_lock(&saved);
    const struct record *it = find(&(struct record){.callout = callout});
    enum state state = it != NULL ? it->state : FREE;
    kernel_unlock(&saved);
    return state;
}

int callout_pending(callout_t *callout)
{
    return state_of(callout) != FREE;
}

int callout_expired(callout_t *callout)
{
    return state_of(callout) == DUE || callout_invoking(callout);
}

int callout_active(callout_t *callout)
{
    return callout_pending(callout) || callout_invoking(callout);
}

int callout_invoking(callout_t *callout)
{
    sigset_t saved;
    kernel_lock(&saved);
    bool is_called = running.function != NULL && running.callout == callout;
    kernel_unlock(&saved);
    return is_called;
}

void callout_ack(callout_t *callout)
{
    (void)callout;
}

void timeout(void (*function)(void *), void *argument, int ticks)
{
    enter((struct record){.function = function, .argument = argument}, ticks);
}

void untimeout(void (*function)(void *), void *argument)
{
    bool is_called;
    leave(&(struct record){.function = function, .argument = argument}, &is_called);
}

/* ---- Images that are gone ---- */

static bool is_of(const struct record *it, uint64_t image)
{
    return space_image_at((uintptr_t)it->function) == image || space_image_at((uintptr_t)it->callout) == image;
}

/* Whether the runner is in a function of an image, and may come back from it. Under the lock. */
static bool is_in(uint64_t image)
{
    return running.function != NULL && is_of(&running, image) && running_since + PATIENCE > kernel_now();
}

void kernel_end_callouts(uint64_t image)
{
    sigset_t saved;
    size_t ended = 0;
    kernel_lock(&saved);
    for (size_t i = 0; i < limit; i++) {
        if (records[i].state != FREE && is_of(&records[i], image)) {
            records[i].state = FREE;
            ended++;
        }
    }
    bool waits = is_in(image);
    kernel_unlock(&saved);
    while (waits) {
        const struct timespec interval = {.tv_nsec = 1000000};
        nanosleep(&interval, NULL);
        kernel_lock(&saved);
        waits = is_in(image);
        kernel_unlock(&saved);
    }
    if (ended > 0) {
        /* Not by stdio: this thread takes no lock that a module may have. */
        char line[128];
        int size = snprintf(line, sizeof line, "%zu callout%s of the module at 0x%llx pending: cancelled\n", ended,
            ended == 1 ? "" : "s", (unsigned long long)image);
        (void)!write(STDOUT_FILENO, line, (size_t)size);
    }
}
