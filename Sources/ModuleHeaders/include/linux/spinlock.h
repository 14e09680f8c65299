/* Locks that Linux calls spinlocks: those of sys/mutex.h, in which a thread sleeps. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_SPINLOCK_H
#define MODLINK_LINUX_SPINLOCK_H
#pragma GCC system_header
#include <sys/intr.h>
#include <sys/mutex.h>

typedef struct {
    kmutex_t lock;
} spinlock_t;
typedef spinlock_t rwlock_t;
#define __SPIN_LOCK_UNLOCKED(name) {{0, 0}}
#define DEFINE_SPINLOCK(name) spinlock_t name = {{0, 0}}
#define DEFINE_RWLOCK(name) rwlock_t name = {{0, 0}}
/* Of Linux before 2.6.39. */
#define SPIN_LOCK_UNLOCKED {{0, 0}}
#define RW_LOCK_UNLOCKED {{0, 0}}

static __inline__ void spin_lock_init(spinlock_t *it)
{
    it->lock.mtx_state = 0;
    it->lock.mtx_owner = 0;
}
static __inline__ void spin_lock(spinlock_t *it) { mutex_enter(&it->lock); }
static __inline__ void spin_unlock(spinlock_t *it) { mutex_exit(&it->lock); }
static __inline__ int spin_trylock(spinlock_t *it) { return mutex_tryenter(&it->lock); }
static __inline__ int spin_is_locked(spinlock_t *it) { return __atomic_load_n(&it->lock.mtx_state, __ATOMIC_SEQ_CST) != 0; }
/* There are no interrupts: the flags are none. */
#define spin_lock_irqsave(it, flags) ((flags) = 0, spin_lock(it))
#define spin_unlock_irqrestore(it, flags) ((void)(flags), spin_unlock(it))
#define spin_lock_irq(it) spin_lock(it)
#define spin_unlock_irq(it) spin_unlock(it)
#define spin_lock_bh(it) spin_lock(it)
#define spin_unlock_bh(it) spin_unlock(it)
/* Readers keep one another out, too. */
#define rwlock_init(it) spin_lock_init(it)
#define read_lock(it) spin_lock(it)
#define read_unlock(it) spin_unlock(it)
#define write_lock(it) spin_lock(it)
#define write_unlock(it) spin_unlock(it)
#define read_lock_irqsave(it, flags) spin_lock_irqsave(it, flags)
#define read_unlock_irqrestore(it, flags) spin_unlock_irqrestore(it, flags)
#define write_lock_irqsave(it, flags) spin_lock_irqsave(it, flags)
#define write_unlock_irqrestore(it, flags) spin_unlock_irqrestore(it, flags)
#endif
