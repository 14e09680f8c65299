/* Numbers that several threads change, as Linux has them. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_ATOMIC_H
#define MODLINK_LINUX_ATOMIC_H
#pragma GCC system_header

typedef struct {
    int counter;
} atomic_t;

#define ATOMIC_INIT(value) {(value)}
#define atomic_read(it) __atomic_load_n(&(it)->counter, __ATOMIC_SEQ_CST)
#define atomic_set(it, value) __atomic_store_n(&(it)->counter, (value), __ATOMIC_SEQ_CST)
#define atomic_add_return(value, it) __atomic_add_fetch(&(it)->counter, (value), __ATOMIC_SEQ_CST)
#define atomic_sub_return(value, it) __atomic_sub_fetch(&(it)->counter, (value), __ATOMIC_SEQ_CST)
#define atomic_add(value, it) ((void)atomic_add_return(value, it))
#define atomic_sub(value, it) ((void)atomic_sub_return(value, it))
#define atomic_inc(it) atomic_add(1, it)
#define atomic_dec(it) atomic_sub(1, it)
#define atomic_inc_return(it) atomic_add_return(1, it)
#define atomic_dec_return(it) atomic_sub_return(1, it)
#define atomic_sub_and_test(value, it) (atomic_sub_return(value, it) == 0)
#define atomic_dec_and_test(it) atomic_sub_and_test(1, it)
#define atomic_inc_and_test(it) (atomic_inc_return(it) == 0)
#define atomic_xchg(it, value) __atomic_exchange_n(&(it)->counter, (value), __ATOMIC_SEQ_CST)
#define atomic_cmpxchg(it, before, value) modlink_compare(&(it)->counter, (before), (value))

/* Returns what was there. */
static __inline__ int modlink_compare(int *place, int before, int value)
{
    __atomic_compare_exchange_n(place, &before, value, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return before;
}

#endif
