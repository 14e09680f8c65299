/*
 * Who has asked for signals that come later: alarms, timers, and kill(2) to the own process.
 *
 * Such a signal says nothing of the module that it is due to. So the call is noted, with the place in the module from which it
 * came. When the module goes, its timers go with it: a tick that comes later would find no handler, or another module's.
 */
#define _GNU_SOURCE
#include "signals.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

/* A place in the module's code; 0: unknown. */
static _Atomic uint64_t senders[NSIG];

uint64_t space_sender(int number)
{
    return number > 0 && number < NSIG ? atomic_load(&senders[number]) : 0;
}

uint64_t space_caller(void *address)
{
    uint64_t place = (uintptr_t)address;
    return space_image_at(place) != 0 ? place : space_current_place();
}

void space_note_sender(int number, uint64_t place)
{
    if (number > 0 && number < NSIG) {
        atomic_store(&senders[number], place);
    }
}

/* ---- kill ---- */

int __kill(pid_t process, int number);

/* Whether the signal, sent to this thread, would have the process end by its default action. */
static bool is_fatal(int number)
{
    if (number <= 0 || number == SIGKILL || number == SIGSTOP || number == SIGCHLD || number == SIGCONT || number == SIGURG
        || number == SIGWINCH || number >= NSIG) {
        return false;
    }
    return space_disposition(number).sa_handler == SIG_DFL && !space_is_blocked(space_change_mask(SIG_BLOCK, 0), number);
}

int kill(pid_t process, int number)
{
    space_note_sender(number, space_caller(__builtin_return_address(0)));
    if (process == space_process && getpid() == space_process && is_fatal(number)) {
        /* POSIX, kill: the thread that sends it may take it. So it is known who is at fault. */
        return raise(number);
    }
    return __kill(process, number);
}

/* ---- Timers of the process ---- */

int __setitimer(__itimer_which_t which, const struct itimerval *restrict timer, struct itimerval *restrict before);

/* The signals of setitimer's three timers: ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF. */
static const int interval_signals[] = {SIGALRM, SIGVTALRM, SIGPROF};
#define INTERVAL_TIMERS ((int)(sizeof interval_signals / sizeof interval_signals[0]))
static _Atomic uint64_t interval_owners[INTERVAL_TIMERS];

static int set_interval(
    uint64_t place, __itimer_which_t which, const struct itimerval *timer, struct itimerval *before)
{
    if (timer == NULL || (int)which < 0 || (int)which >= INTERVAL_TIMERS) {
        return __setitimer(which, timer, before);
    }
    bool is_armed = timer->it_value.tv_sec != 0 || timer->it_value.tv_usec != 0;
    /* Before the call: the first tick may come before it returns. */
    uint64_t owner_before = atomic_exchange(&interval_owners[which], is_armed ? place : 0);
    uint64_t sender_before = space_sender(interval_signals[which]);
    if (is_armed) {
        space_note_sender(interval_signals[which], place);
    }
    int error = __setitimer(which, timer, before);
    if (error != 0) {
        atomic_store(&interval_owners[which], owner_before);
        space_note_sender(interval_signals[which], sender_before);
    }
    return error;
}

int setitimer(__itimer_which_t which, const struct itimerval *restrict timer, struct itimerval *restrict before)
{
    return set_interval(space_caller(__builtin_return_address(0)), which, timer, before);
}

unsigned int alarm(unsigned int seconds)
{
    const struct itimerval timer = {.it_value.tv_sec = (time_t)seconds};
    struct itimerval before = {0};
    if (set_interval(space_caller(__builtin_return_address(0)), ITIMER_REAL, &timer, &before) != 0) {
        return 0;
    }
    /* alarm(2): rounded, and not to 0 while one is pending. */
    unsigned int rest = (unsigned int)before.it_value.tv_sec;
    return before.it_value.tv_usec >= 500000 || (rest == 0 && before.it_value.tv_usec > 0) ? rest + 1 : rest;
}

/* ---- timer_create ---- */

int ___timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict timer);
int ___timer_delete(timer_t timer);

/* More timers than these are left alone when their modules go. */
#define TIMER_LIMIT 1024
static struct {
    timer_t timer;
    uint64_t place;
} timers[TIMER_LIMIT];
static size_t timer_count;
static pthread_mutex_t timers_lock = PTHREAD_MUTEX_INITIALIZER;

/* With all signals blocked: neither a handler nor a deadline comes in between, and the lock is not left behind. */
static uint64_t lock_timers(void)
{
    uint64_t mask = space_block_all();
    pthread_mutex_lock(&timers_lock);
    return mask;
}

static void unlock_timers(uint64_t mask)
{
    pthread_mutex_unlock(&timers_lock);
    space_change_mask(SIG_SETMASK, mask);
}

int timer_create(clockid_t clock, struct sigevent *restrict event, timer_t *restrict timer)
{
    uint64_t place = space_caller(__builtin_return_address(0));
    int error = ___timer_create(clock, event, timer);
    if (error != 0) {
        return error;
    }
    if (event == NULL) {
        space_note_sender(SIGALRM, place);
    } else if (event->sigev_notify == SIGEV_SIGNAL || event->sigev_notify == SIGEV_THREAD_ID) {
        space_note_sender(event->sigev_signo, place);
    }
    uint64_t mask = lock_timers();
    if (timer_count < TIMER_LIMIT) {
        timers[timer_count].timer = *timer;
        timers[timer_count++].place = place;
    }
    unlock_timers(mask);
    return 0;
}

static void forget_timer(timer_t timer)
{
    uint64_t mask = lock_timers();
    for (size_t i = 0; i < timer_count; i++) {
        if (timers[i].timer == timer) {
            timers[i] = timers[--timer_count];
            break;
        }
    }
    unlock_timers(mask);
}

int timer_delete(timer_t timer)
{
    forget_timer(timer);
    return ___timer_delete(timer);
}

/* ---- An image goes ---- */

/* One timer of an image, taken off the list. */
static bool take_timer(uint64_t image, timer_t *timer)
{
    bool is_found = false;
    uint64_t mask = lock_timers();
    for (size_t i = 0; i < timer_count && !is_found; i++) {
        if (space_image_at(timers[i].place) == image) {
            *timer = timers[i].timer;
            timers[i] = timers[--timer_count];
            is_found = true;
        }
    }
    unlock_timers(mask);
    return is_found;
}

void space_forget_senders(uint64_t image)
{
    timer_t timer;
    while (take_timer(image, &timer)) {
        ___timer_delete(timer);
    }
    for (int which = 0; which < INTERVAL_TIMERS; which++) {
        uint64_t place = atomic_load(&interval_owners[which]);
        if (place != 0 && space_image_at(place) == image) {
            const struct itimerval none = {0};
            set_interval(0, (__itimer_which_t)which, &none, NULL);
        }
    }
    for (int number = 1; number < NSIG; number++) {
        uint64_t place = atomic_load(&senders[number]);
        if (place != 0 && space_image_at(place) == image) {
            atomic_compare_exchange_strong(&senders[number], &place, 0);
        }
    }
}
