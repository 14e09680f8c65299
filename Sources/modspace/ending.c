/*
 * Which threads there are, and the end of one that the daemon wants to end: a module that is discarded takes those with it
 * that run its code.
 *
 *     server                                     thread
 *     the deadline's signal, to it  ---------->  on_deadline (faults.c): leaves by the system call alone
 *       waits until it has gone
 *       frees what belongs to it (halted.c)
 *
 * As with a worker (calls.c), no destructor runs and nothing is unlocked but stdout and stderr.
 */
#define _GNU_SOURCE
#include "modspace.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How long a thread may take to heed the signal, and how often the server looks, in nanoseconds. */
#define PATIENCE INT64_C(1000000000)
#define INTERVAL INT64_C(50000)

/* nptl/db_info.c: size in bits, number, and offset in a thread's descriptor. */
extern const uint32_t _thread_db_pthread_tid[3];
extern const uint32_t _thread_db_pthread_start_routine[3];

/* The number of the thread that is to end; 0: none. */
static _Atomic pid_t ending;

static pid_t number_of(pthread_t thread)
{
    pid_t number;
    memcpy(&number, (const void *)((uintptr_t)thread + _thread_db_pthread_tid[2]), sizeof number);
    return number;
}

static uintptr_t start_of(pthread_t thread)
{
    uintptr_t start;
    memcpy(&start, (const void *)((uintptr_t)thread + _thread_db_pthread_start_routine[2]), sizeof start);
    return start;
}

/* The list's lock is held: a worker that has been joined, and so may be freed, is not on the list. */
uint32_t space_thread_kind(pthread_t thread)
{
    uintptr_t start = start_of(thread);
    if (start == (uintptr_t)space_serve) {
        return SPACE_THREAD_SERVER;
    }
    if (start != (uintptr_t)space_work) {
        return SPACE_THREAD_OTHER;
    }
    const struct space_worker *it = space_worker_of(thread);
    uint32_t state = it == NULL ? SPACE_WORKER_NEW : atomic_load(&it->state);
    bool is_called = state == SPACE_WORKER_RUNNING || state == SPACE_WORKER_ENDING || state == SPACE_WORKER_LEFT;
    return is_called ? SPACE_THREAD_CALLED : SPACE_THREAD_RESTS;
}

/* ---- Which there are ---- */

struct listing {
    pid_t after;
    size_t count;
    struct {
        pid_t number;
        uint32_t kind;
        uintptr_t start;
        pthread_t thread;
    } entries[SPACE_THREAD_LIMIT];
};

/* Keeps those with the least numbers, in ascending order. */
static void note(pthread_t thread, void *argument)
{
    struct listing *list = argument;
    pid_t number = number_of(thread);
    if (number <= list->after || number == space_process) {
        return;
    }
    size_t place = list->count;
    while (place > 0 && list->entries[place - 1].number > number) {
        place--;
    }
    if (place == SPACE_THREAD_LIMIT) {
        return;
    }
    size_t moved = list->count < SPACE_THREAD_LIMIT ? list->count - place : SPACE_THREAD_LIMIT - 1 - place;
    memmove(&list->entries[place + 1], &list->entries[place], moved * sizeof list->entries[0]);
    list->entries[place].number = number;
    list->entries[place].kind = space_thread_kind(thread);
    list->entries[place].start = start_of(thread);
    list->entries[place].thread = thread;
    if (list->count < SPACE_THREAD_LIMIT) {
        list->count++;
    }
}

int space_list_threads(const struct space_request *request, struct space_reply *reply)
{
    _Static_assert(SPACE_THREAD_LIMIT * 3 <= SPACE_ADDRESS_LIMIT, "an answer has room for all threads in it");
    struct listing list = {.after = (pid_t)request->address};
    if (request->address > INT32_MAX) {
        return 0;
    }
    if (!space_each_thread(note, &list)) {
        return EDEADLK;
    }
    for (size_t i = 0; i < list.count; i++) {
        reply->results[3 * i] = (uint32_t)list.entries[i].number | (uint64_t)list.entries[i].kind << 32;
        reply->results[3 * i + 1] = list.entries[i].start;
        reply->results[3 * i + 2] = (uintptr_t)list.entries[i].thread;
    }
    reply->result = (int64_t)list.count;
    return 0;
}

/* ---- The end of one ---- */

bool space_is_to_end(const siginfo_t *info)
{
    return info->si_code == SI_QUEUE && info->si_pid == space_process && getpid() == space_process
        && atomic_load(&ending) == gettid();
}

struct search {
    pid_t number;
    bool found;
    bool may_end;
    bool is_left;
    pthread_t thread;
};

static void compare(pthread_t thread, void *argument)
{
    struct search *it = argument;
    if (number_of(thread) == it->number) {
        uint32_t kind = space_thread_kind(thread);
        it->found = true;
        it->thread = thread;
        /* One whose call goes on is somebody's who waits for it. */
        it->is_left = kind == SPACE_THREAD_CALLED
            && atomic_load(&space_worker_of(thread)->state) == SPACE_WORKER_LEFT;
        it->may_end = kind == SPACE_THREAD_OTHER || it->is_left;
    }
}

static bool is_there(pid_t number)
{
    return syscall(SYS_tgkill, space_process, number, 0) == 0;
}

/* Returns false when it does not heed. */
static bool end(pid_t number)
{
    siginfo_t info = {.si_signo = SPACE_DEADLINE_SIGNAL, .si_code = SI_QUEUE};
    info.si_pid = space_process;
    info.si_uid = getuid();
    atomic_store(&ending, number);
    syscall(SYS_rt_tgsigqueueinfo, space_process, number, SPACE_DEADLINE_SIGNAL, &info);
    const struct timespec interval = {.tv_nsec = INTERVAL};
    for (int64_t waited = 0; waited < PATIENCE && is_there(number); waited += INTERVAL) {
        nanosleep(&interval, NULL);
    }
    /* A signal that comes later is not meant: what it would end is not freed. */
    atomic_store(&ending, 0);
    return !is_there(number);
}

int space_end_thread(const struct space_request *request)
{
    struct search it = {.number = (pid_t)request->address};
    if (request->address == 0 || request->address > INT32_MAX || it.number == space_process) {
        return EINVAL;
    }
    if (!space_each_thread(compare, &it)) {
        return EDEADLK;
    }
    if (!it.found) {
        /* Made by a raw system call, it may share another one's thread pointer: no handler can run on it. */
        return is_there(it.number) ? EINVAL : ESRCH;
    }
    if (!it.may_end) {
        return EINVAL;
    }
    if (!end(it.number)) {
        return EBUSY;
    }
    if (it.is_left) {
        space_release_locks(it.thread);
        space_bury_returned();
    } else if (space_is_known_thread(it.thread) && number_of(it.thread) <= 0) {
        space_bury_ended(it.thread);
    }
    return 0;
}
