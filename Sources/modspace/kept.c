/*
 * Memory of a module that the C library would use when the module has gone: functions that are called when a thread with a value of
 * pthread_setspecific ends, and the place where random(3) has its state.
 */
#define _GNU_SOURCE
#include "modspace.h"

#include <limits.h>
#include <stdlib.h>

/* glibc's struct pthread_key_struct of nptl/pthreadP.h: an even number is a key that is free. */
struct key {
    uintptr_t sequence;
    void (*destructor)(void *);
};
extern struct key __pthread_keys[PTHREAD_KEYS_MAX];

/* The keys stay: a number that is free could become another module's. */
static void forget_keys(uint64_t image)
{
    for (size_t i = 0; i < PTHREAD_KEYS_MAX; i++) {
        if (space_image_at((uintptr_t)__pthread_keys[i].destructor) == image) {
            __pthread_keys[i].destructor = NULL;
        }
    }
}

/* initstate(3): the state that random has by itself is of that size. */
static char numbers[128];

static void forget_numbers(uint64_t image)
{
    static bool is_replaced;
    if (is_replaced) {
        /* A module has had its own since, or none. */
        char *now = setstate(numbers);
        if (space_image_at((uintptr_t)now) != image) {
            setstate(now);
        }
        return;
    }
    /* There is no call that only asks for the state's place. */
    char *now = initstate(1, numbers, sizeof numbers);
    is_replaced = space_image_at((uintptr_t)now) == image;
    if (!is_replaced) {
        setstate(now);
    }
}

void space_forget_kept(uint64_t image)
{
    forget_keys(image);
    forget_numbers(image);
}
