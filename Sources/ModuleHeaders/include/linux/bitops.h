/* Bits of words, as Linux has them. Part of modlink: see modlink(4). */
#ifndef MODLINK_LINUX_BITOPS_H
#define MODLINK_LINUX_BITOPS_H
#pragma GCC system_header

#define MODLINK_BITS (8 * (int)sizeof(unsigned long))
#ifndef BIT
#define BIT(number) (1UL << (number))
#endif

static __inline__ unsigned long *modlink_word(int number, volatile void *place, unsigned long *mask)
{
    *mask = 1UL << (number % MODLINK_BITS);
    return (unsigned long *)place + number / MODLINK_BITS;
}

static __inline__ int test_and_set_bit(int number, volatile void *place)
{
    unsigned long mask, *word = modlink_word(number, place, &mask);
    return (__atomic_fetch_or(word, mask, __ATOMIC_SEQ_CST) & mask) != 0;
}

static __inline__ int test_and_clear_bit(int number, volatile void *place)
{
    unsigned long mask, *word = modlink_word(number, place, &mask);
    return (__atomic_fetch_and(word, ~mask, __ATOMIC_SEQ_CST) & mask) != 0;
}

static __inline__ int test_and_change_bit(int number, volatile void *place)
{
    unsigned long mask, *word = modlink_word(number, place, &mask);
    return (__atomic_fetch_xor(word, mask, __ATOMIC_SEQ_CST) & mask) != 0;
}

static __inline__ int test_bit(int number, const volatile void *place)
{
    unsigned long mask, *word = modlink_word(number, (volatile void *)place, &mask);
    return (__atomic_load_n(word, __ATOMIC_SEQ_CST) & mask) != 0;
}
#define set_bit(number, place) ((void)test_and_set_bit(number, place))
#define clear_bit(number, place) ((void)test_and_clear_bit(number, place))
#define change_bit(number, place) ((void)test_and_change_bit(number, place))
#endif
