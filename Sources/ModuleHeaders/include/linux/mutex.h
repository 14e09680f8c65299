/* Locks that Linux calls mutexes: those of sys/mutex.h. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_MUTEX_H
#define MODLINK_LINUX_MUTEX_H
#pragma GCC system_header
#include <sys/mutex.h>

struct mutex {
    kmutex_t lock;
};
#define __MUTEX_INITIALIZER(name) {{0, 0}}
#define DEFINE_MUTEX(name) struct mutex name = __MUTEX_INITIALIZER(name)

static __inline__ void modlink_mutex_init(struct mutex *it)
{
    it->lock.mtx_state = 0;
    it->lock.mtx_owner = 0;
}
static __inline__ void mutex_lock(struct mutex *it) { mutex_enter(&it->lock); }
static __inline__ void mutex_unlock(struct mutex *it) { mutex_exit(&it->lock); }
static __inline__ int mutex_trylock(struct mutex *it) { return mutex_tryenter(&it->lock); }
static __inline__ int mutex_is_locked(struct mutex *it) { return __atomic_load_n(&it->lock.mtx_state, __ATOMIC_SEQ_CST) != 0; }
static __inline__ int mutex_lock_interruptible(struct mutex *it)
{
    mutex_enter(&it->lock);
    return 0;
}
#define mutex_lock_killable(it) mutex_lock_interruptible(it)
/* That of sys/mutex.h has three arguments and the same name. */
#define mutex_init(...) MODLINK_MUTEX_THIRD(__VA_ARGS__, MODLINK_MUTEX_INIT3, , MODLINK_MUTEX_INIT1, )(__VA_ARGS__)
#define MODLINK_MUTEX_THIRD(...) MODLINK_MUTEX_THIRD_OF(__VA_ARGS__, )
#define MODLINK_MUTEX_THIRD_OF(one, two, three, four, ...) four
#define MODLINK_MUTEX_INIT1(it) modlink_mutex_init(it)
#define MODLINK_MUTEX_INIT3(it, type, level) (mutex_init)(it, type, level)
#endif
