/* Waiting for a condition, as condvar(9) has it. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_CONDVAR_H
#define MODLINK_SYS_CONDVAR_H
#pragma GCC system_header
#include <sys/mutex.h>

__BEGIN_DECLS

typedef struct kcondvar {
    /* Grows with each waking; how many wait; what for. */
    unsigned int cv_wakings;
    unsigned int cv_waiters;
    const char *cv_wmesg;
} kcondvar_t;

void cv_init(kcondvar_t *condition, const char *what);
void cv_destroy(kcondvar_t *condition);
/* Each lets go of the lock while it waits. They return 0, those with a number of ticks EWOULDBLOCK when these have passed; 0 ticks: for ever. */
void cv_wait(kcondvar_t *condition, kmutex_t *lock);
int cv_wait_sig(kcondvar_t *condition, kmutex_t *lock);
int cv_timedwait(kcondvar_t *condition, kmutex_t *lock, int ticks);
int cv_timedwait_sig(kcondvar_t *condition, kmutex_t *lock, int ticks);
void cv_signal(kcondvar_t *condition);
void cv_broadcast(kcondvar_t *condition);
int cv_has_waiters(kcondvar_t *condition);
int cv_is_valid(kcondvar_t *condition);
/* Waits so many ticks; `lock`, unless it is NULL, is let go of meanwhile. Returns EWOULDBLOCK. */
int kpause(const char *what, int interruptible, int ticks, kmutex_t *lock);

__END_DECLS

#endif
