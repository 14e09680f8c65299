/* Functions that are called when time has passed, as callout(9) has them. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_CALLOUT_H
#define MODLINK_SYS_CALLOUT_H
#pragma GCC system_header
#include <sys/mutex.h>
#include <sys/types.h>

__BEGIN_DECLS

/* One such function. It is called on a thread of the space's, one after the other, at level softclock (splsoftclock) unless it is CALLOUT_MPSAFE. */
typedef struct callout {
    void (*c_func)(void *);
    void *c_arg;
    int c_flags;
    void *c_reserved[5];
} callout_t;

#define CALLOUT_MPSAFE 0x0100

void callout_init(callout_t *callout, u_int flags);
void callout_destroy(callout_t *callout);
/* Calls the function so many ticks from now, and not when it was to be called before. */
void callout_reset(callout_t *callout, int ticks, void (*function)(void *), void *argument);
void callout_schedule(callout_t *callout, int ticks);
void callout_setfunc(callout_t *callout, void (*function)(void *), void *argument);
/* Does not call it any more. Returns whether its time had come already. */
int callout_stop(callout_t *callout);
/* The same; and waits until the function has returned if it is being called. `lock`, unless it is NULL, is let go of meanwhile. */
int callout_halt(callout_t *callout, void *lock);
/* Whether it is to be called; whether its time has come; whether one of these; whether it is being called. */
int callout_pending(callout_t *callout);
int callout_expired(callout_t *callout);
int callout_active(callout_t *callout);
int callout_invoking(callout_t *callout);
void callout_ack(callout_t *callout);

/* Before there were structures for it: calls the function once, so many ticks from now; and does not. */
void timeout(void (*function)(void *), void *argument, int ticks);
void untimeout(void (*function)(void *), void *argument);

__END_DECLS

#endif
