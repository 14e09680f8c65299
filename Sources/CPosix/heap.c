/*
 * The heaps of malloc(3). The GNU C library has several ("arenas"): a thread takes one that no other uses, and threads that run at the
 * same time wait for each other only where there are more of them than heaps. That is worth much to threads that read objects, of which
 * each has a dozen small arrays; but of heaps other than the first malloc_trim(3) leaves the end, which is most of what is unused.
 */
#define _GNU_SOURCE
#include "CPosix.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* More are of little use: so many threads hardly ever work at the same time. */
    MOST_HEAPS = 8,
    KEPT = 256 << 20,
    KEPT_WHEN_RETURNING = 64 << 10,
    /* To free as much makes malloc look at the end of the heap. */
    LOOKED_AT = 256 << 10,
};

int cposix_keep_memory(void)
{
    return mallopt(M_ARENA_MAX, MOST_HEAPS) && mallopt(M_MMAP_THRESHOLD, 32 << 20) && mallopt(M_TRIM_THRESHOLD, KEPT);
}

size_t cposix_unused_memory(void) { return mallinfo2().fordblks; }

/* How many heaps there are: malloc_info(3) has an element for each. */
static int count_heaps(void)
{
    char *text = NULL;
    size_t size = 0;
    int count = 0;
    FILE *file = open_memstream(&text, &size);

    if (file == NULL)
        return 0;
    malloc_info(0, file);
    fclose(file);
    for (const char *place = text; (place = strstr(place, "<heap nr=")) != NULL; place++)
        count++;
    free(text);
    return count;
}

/* Those who go through the heaps that no thread has: all have to have come before the first goes, for who goes leaves its heap to the next. */
struct visit {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int expected;
    int come;
    int begun;
};

static void trim_own_heap(struct visit *visit)
{
    /* Else compilers see that nothing is done with it. */
    void *volatile memory = malloc(LOOKED_AT);

    if (visit != NULL) {
        pthread_mutex_lock(&visit->lock);
        visit->come++;
        pthread_cond_broadcast(&visit->changed);
        while (!visit->begun || visit->come < visit->expected)
            pthread_cond_wait(&visit->changed, &visit->lock);
        pthread_mutex_unlock(&visit->lock);
    }
    free(memory);
}

static void *visit_heap(void *argument)
{
    trim_own_heap(argument);
    return NULL;
}

void cposix_return_memory(void)
{
    struct visit visit = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    pthread_t visitors[MOST_HEAPS];
    /* All but this thread's. Who finds none that is free goes to one that others have, or makes a new one, as long as there may be more. */
    int others = count_heaps() - 1;

    mallopt(M_TRIM_THRESHOLD, KEPT_WHEN_RETURNING);
    while (visit.expected < others && visit.expected < MOST_HEAPS
        && pthread_create(&visitors[visit.expected], NULL, visit_heap, &visit) == 0)
        visit.expected++;
    pthread_mutex_lock(&visit.lock);
    visit.begun = 1;
    pthread_cond_broadcast(&visit.changed);
    pthread_mutex_unlock(&visit.lock);
    for (int i = 0; i < visit.expected; i++)
        pthread_join(visitors[i], NULL);
    trim_own_heap(NULL);
    malloc_trim(0);
    mallopt(M_TRIM_THRESHOLD, KEPT);
}
