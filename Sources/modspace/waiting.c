/*
 * Threads of modules that wait for one another: locks, conditions, tsleep, levels of interrupts, and the clock's ticks.
 *
 * All are futexes in the module's memory or here, and a thread may be stopped in any of them. A wait has no other end than what it waits for and
 * its call's: the signal that ends a call ends it too.
 */
#define _GNU_SOURCE
#include "kernel.h"
#include "modspace.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/callout.h>
#include <sys/condvar.h>
#include <sys/mutex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NANOSECONDS INT64_C(1000000000)
/* Ticks of a second: modlink_hz, which a module could change, is not asked. */
#define TICKS 100

/* ---- Time ---- */

/* linux/jiffies.h makes a macro of it. */
volatile unsigned long jiffies;

int64_t kernel_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * NANOSECONDS + time.tv_nsec;
}

int64_t kernel_ticks(int ticks)
{
    return (ticks > 0 ? ticks : 0) * (NANOSECONDS / TICKS);
}

void kernel_tick(void)
{
    jiffies = (unsigned long)(kernel_now() / (NANOSECONDS / TICKS));
}

volatile unsigned long *modlink_jiffies(void);
volatile unsigned long *modlink_jiffies(void)
{
    kernel_tick();
    return &jiffies;
}

void modlink_delay(unsigned long microseconds);
void modlink_delay(unsigned long microseconds)
{
    struct timespec rest = {
        .tv_sec = (time_t)(microseconds / 1000000), .tv_nsec = (long)(microseconds % 1000000 * 1000)};
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
    }
}

/* ---- Futexes that modules have ---- */

static _Atomic uint32_t *word(const unsigned int *field)
{
    return (_Atomic uint32_t *)(uintptr_t)field;
}

static void wake_one(_Atomic uint32_t *futex)
{
    syscall(SYS_futex, futex, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Waits until the value is another. Returns false when the time comes first; 0 is for ever. */
static bool wait_for_change(_Atomic uint32_t *futex, uint32_t value, int64_t end)
{
    while (atomic_load(futex) == value) {
        int64_t rest = end != 0 ? end - kernel_now() : 0;
        if (end != 0 && rest <= 0) {
            return false;
        }
        const struct timespec wait = {.tv_sec = rest / NANOSECONDS, .tv_nsec = rest % NANOSECONDS};
        space_futex_wait(futex, value, end != 0 ? &wait : NULL);
    }
    return true;
}

/* ---- Locks ---- */

void mutex_init(kmutex_t *lock, kmutex_type_t type, int level)
{
    (void)type, (void)level;
    *lock = (kmutex_t){0, 0};
}

void mutex_destroy(kmutex_t *lock)
{
    if (atomic_load(word(&lock->mtx_state)) != 0) {
        panic("mutex_destroy: the lock is held by thread %d", lock->mtx_owner);
    }
}

int mutex_owned(const kmutex_t *lock)
{
    return atomic_load(word(&lock->mtx_state)) != 0 && __atomic_load_n(&lock->mtx_owner, __ATOMIC_RELAXED) == gettid();
}

int mutex_tryenter(kmutex_t *lock)
{
    uint32_t state = 0;
    if (!atomic_compare_exchange_strong(word(&lock->mtx_state), &state, 1)) {
        return 0;
    }
    __atomic_store_n(&lock->mtx_owner, gettid(), __ATOMIC_RELAXED);
    return 1;
}

void mutex_enter(kmutex_t *lock)
{
    if (mutex_tryenter(lock)) {
        return;
    }
    if (mutex_owned(lock)) {
        panic("mutex_enter: the caller holds the lock");
    }
    _Atomic uint32_t *state = word(&lock->mtx_state);
    while (atomic_exchange(state, 2) != 0) {
        space_futex_wait(state, 2, NULL);
    }
    __atomic_store_n(&lock->mtx_owner, gettid(), __ATOMIC_RELAXED);
}

void mutex_exit(kmutex_t *lock)
{
    if (!mutex_owned(lock)) {
        panic("mutex_exit: the caller does not hold the lock");
    }
    __atomic_store_n(&lock->mtx_owner, 0, __ATOMIC_RELAXED);
    if (atomic_exchange(word(&lock->mtx_state), 0) == 2) {
        wake_one(word(&lock->mtx_state));
    }
}

kmutex_t *mutex_obj_alloc(kmutex_type_t type, int level)
{
    (void)type, (void)level;
    return calloc(1, sizeof(kmutex_t));
}

int mutex_obj_free(kmutex_t *lock)
{
    free(lock);
    return 1;
}

/* ---- Levels ---- */

/*
 * One lock for all levels above 0. The number of the thread that is there, 0 for none. One that stays for long has been stopped, or has forgotten
 * to come down: it is not waited for any longer.
 */
static _Atomic uint32_t raised;
#define LONGEST_STAY NANOSECONDS

int modlink_raise(void)
{
    uint32_t self = (uint32_t)gettid();
    uint32_t owner = 0;
    while (!atomic_compare_exchange_strong(&raised, &owner, self)) {
        if (owner == self) {
            return IPL_HIGH;
        }
        if (!wait_for_change(&raised, owner, kernel_now() + LONGEST_STAY)) {
            /* From that one, if it is there still. */
            if (atomic_compare_exchange_strong(&raised, &owner, self)) {
                return IPL_NONE;
            }
        }
        owner = 0;
    }
    return IPL_NONE;
}

/* Comes down to 0, and returns whether it was above. */
static bool come_down(void)
{
    uint32_t self = (uint32_t)gettid();
    if (!atomic_compare_exchange_strong(&raised, &self, 0)) {
        return false;
    }
    space_futex_wake(&raised);
    return true;
}

void kernel_leave_level(pid_t thread)
{
    uint32_t owner = (uint32_t)thread;
    if (atomic_compare_exchange_strong(&raised, &owner, 0)) {
        space_futex_wake(&raised);
    }
}

void splx(int level)
{
    if (level == IPL_NONE) {
        come_down();
    } else {
        modlink_raise();
    }
}

/* ---- Conditions ---- */

void cv_init(kcondvar_t *condition, const char *what)
{
    *condition = (kcondvar_t){.cv_wmesg = what};
}

void cv_destroy(kcondvar_t *condition)
{
    condition->cv_wmesg = NULL;
}

/* 0 is for ever. */
static int wait_for_condition(kcondvar_t *condition, kmutex_t *lock, int ticks)
{
    _Atomic uint32_t *wakings = word(&condition->cv_wakings);
    atomic_fetch_add(word(&condition->cv_waiters), 1);
    uint32_t before = atomic_load(wakings);
    int64_t end = ticks > 0 ? kernel_now() + kernel_ticks(ticks) : 0;
    mutex_exit(lock);
    bool was_raised = come_down();
    bool is_woken = wait_for_change(wakings, before, end);
    if (was_raised) {
        modlink_raise();
    }
    mutex_enter(lock);
    atomic_fetch_sub(word(&condition->cv_waiters), 1);
    return is_woken ? 0 : EWOULDBLOCK;
}

void cv_wait(kcondvar_t *condition, kmutex_t *lock)
{
    wait_for_condition(condition, lock, 0);
}

int cv_wait_sig(kcondvar_t *condition, kmutex_t *lock)
{
    return wait_for_condition(condition, lock, 0);
}

int cv_timedwait(kcondvar_t *condition, kmutex_t *lock, int ticks)
{
    return wait_for_condition(condition, lock, ticks);
}

int cv_timedwait_sig(kcondvar_t *condition, kmutex_t *lock, int ticks)
{
    return wait_for_condition(condition, lock, ticks);
}

void cv_signal(kcondvar_t *condition)
{
    atomic_fetch_add(word(&condition->cv_wakings), 1);
    wake_one(word(&condition->cv_wakings));
}

void cv_broadcast(kcondvar_t *condition)
{
    atomic_fetch_add(word(&condition->cv_wakings), 1);
    space_futex_wake(word(&condition->cv_wakings));
}

int cv_has_waiters(kcondvar_t *condition)
{
    return atomic_load(word(&condition->cv_waiters)) != 0;
}

int cv_is_valid(kcondvar_t *condition)
{
    return condition->cv_wmesg != NULL;
}

int kpause(const char *what, int interruptible, int ticks, kmutex_t *lock)
{
    (void)what, (void)interruptible;
    _Atomic uint32_t nothing = 0;
    if (lock != NULL) {
        mutex_exit(lock);
    }
    wait_for_change(&nothing, 0, kernel_now() + kernel_ticks(ticks > 0 ? ticks : 1));
    if (lock != NULL) {
        mutex_enter(lock);
    }
    return EWOULDBLOCK;
}

/* ---- tsleep ---- */

/*
 * Who waits is noted here, not in a list: a thread that is stopped takes no note back. A place that is forgotten so is taken by the next one
 * that waits there longest. The count of wakings of a place is the futex.
 */
#define SLEEPERS 1024

struct sleeper {
    const void *channel;
    /* 0: the place is free. Grows with each who takes it, so that the first is found. */
    uint64_t turn;
    _Atomic uint32_t wakings;
};

static struct sleeper sleepers[SLEEPERS];
static uint64_t last_turn;

/* The place that is free, or the oldest: it is most likely nobody's any more. */
static struct sleeper *take_place(const void *channel, uint32_t *wakings, uint64_t *turn)
{
    sigset_t saved;
    kernel_lock(&saved);
    struct sleeper *it = &sleepers[0];
    for (size_t i = 1; i < SLEEPERS && it->turn != 0; i++) {
        if (sleepers[i].turn < it->turn) {
            it = &sleepers[i];
        }
    }
    it->channel = channel;
    it->turn = *turn = ++last_turn;
    *wakings = atomic_load(&it->wakings);
    kernel_unlock(&saved);
    return it;
}

int tsleep(const void *channel, int priority, const char *text, int ticks)
{
    (void)priority, (void)text;
    uint32_t wakings;
    uint64_t turn;
    struct sleeper *it = take_place(channel, &wakings, &turn);
    int64_t end = ticks > 0 ? kernel_now() + kernel_ticks(ticks) : 0;
    bool was_raised = come_down();
    bool is_woken = wait_for_change(&it->wakings, wakings, end);
    sigset_t saved;
    kernel_lock(&saved);
    if (it->turn == turn) {
        it->turn = 0;
    }
    kernel_unlock(&saved);
    if (was_raised) {
        modlink_raise();
    }
    return is_woken ? 0 : EWOULDBLOCK;
}

static void wake(const void *channel, bool all)
{
    sigset_t saved;
    kernel_lock(&saved);
    struct sleeper *first;
    do {
        first = NULL;
        for (size_t i = 0; i < SLEEPERS; i++) {
            struct sleeper *it = &sleepers[i];
            if (it->turn != 0 && it->channel == channel && (first == NULL || it->turn < first->turn)) {
                first = it;
            }
        }
        if (first != NULL) {
            first->turn = 0;
            atomic_fetch_add(&first->wakings, 1);
            space_futex_wake(&first->wakings);
        }
    } while (all && first != NULL);
    kernel_unlock(&saved);
}

void wakeup(const void *channel)
{
    wake(channel, true);
}

void wakeup_one(const void *channel)
{
    wake(channel, false);
}
