/* Locks, as mutex(9) has them. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_MUTEX_H
#define MODLINK_SYS_MUTEX_H
#pragma GCC system_header
#include <sys/intr.h>
#include <sys/types.h>

__BEGIN_DECLS

/* Held by one thread at a time. Zeroes are one that nobody holds. */
typedef struct kmutex {
    /* 0 free, 1 held, 2 held and waited for. */
    unsigned int mtx_state;
    /* The number of the thread that holds it. */
    int mtx_owner;
} kmutex_t;

/* Which kind: all are one here. */
typedef enum kmutex_type { MUTEX_SPIN, MUTEX_ADAPTIVE, MUTEX_DEFAULT, MUTEX_DRIVER, MUTEX_NODEBUG } kmutex_type_t;

void mutex_init(kmutex_t *lock, kmutex_type_t type, int level);
/* Panics while the lock is held. */
void mutex_destroy(kmutex_t *lock);
/* Waits until it is free. Panics when the caller holds it. */
void mutex_enter(kmutex_t *lock);
/* Panics when the caller does not hold it. */
void mutex_exit(kmutex_t *lock);
/* 1 when the caller holds it now; 0: another thread does. */
int mutex_tryenter(kmutex_t *lock);
/* Whether the caller holds it. */
int mutex_owned(const kmutex_t *lock);
#define mutex_spin_enter(lock) mutex_enter(lock)
#define mutex_spin_exit(lock) mutex_exit(lock)
/* A lock in memory of its own. */
kmutex_t *mutex_obj_alloc(kmutex_type_t type, int level);
int mutex_obj_free(kmutex_t *lock);

__END_DECLS

#endif
