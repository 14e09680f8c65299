/*
 * The threads that calls are made on: what each of them does, and how they come and go. What becomes of a call is calls.c's.
 */
#define _GNU_SOURCE
#include "kernel.h"
#include "signals.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define STACK_SIZE (8u << 20)
/* Of devices there may be many, and an address space of 32 bits is to have room for hundreds; kernels gave them 8 KiB. */
#define LANE_STACK_SIZE (1u << 20)
#define GUARD_SIZE (256u << 10)

static __thread struct space_worker *own_worker;
/* Those that did not heed their deadline, of all connections. */
static struct space_worker *left;
static pthread_mutex_t left_lock = PTHREAD_MUTEX_INITIALIZER;

struct space_worker *space_own_worker(void)
{
    return own_worker;
}

struct space_worker *space_worker_of(pthread_t thread)
{
    /* A thread-local variable is as far from each thread's descriptor as it is from one's own. */
    uintptr_t distance = (uintptr_t)&own_worker - (uintptr_t)pthread_self();
    return *(struct space_worker **)((uintptr_t)thread + distance);
}

/* ---- The worker's side ---- */

/*
 * Constructors are given what the C library gives them. Some look behind the environment for the auxiliary vector (Go's), so
 * the arguments are the process's own, where the kernel has put them.
 */
static void call_array(struct space_worker *it)
{
    void (**functions)(int, char **, char **) = (void (**)(int, char **, char **))(uintptr_t)it->request.address;
    bool reverse = (it->request.flags & SPACE_REVERSE) != 0;
    for (uint32_t i = 0; i < it->request.count; i++) {
        it->index = reverse ? it->request.count - 1 - i : i;
        functions[it->index](space_argument_count, space_arguments, environ);
    }
    it->result = it->request.count;
}

static void resolve(struct space_worker *it)
{
    for (uint32_t i = 0; i < it->request.count; i++) {
        it->index = i;
        unsigned long (*resolver)(void) = (unsigned long (*)(void))(uintptr_t)it->request.addresses[i];
        it->results[i] = resolver();
    }
}

static void run(struct space_worker *it)
{
    const struct space_request *request = &it->request;
    switch (request->kind) {
    case SPACE_CALL: {
        /* A long is a word of every machine: where it is shorter than the packet's, the upper half is dropped. */
        long (*function)(unsigned long, unsigned long, unsigned long, unsigned long)
            = (void *)(uintptr_t)request->address;
        unsigned long words[SPACE_ARGUMENT_LIMIT];
        for (size_t i = 0; i < SPACE_ARGUMENT_LIMIT; i++) {
            words[i] = (unsigned long)request->arguments[i];
        }
        it->result = function(words[0], words[1], words[2], words[3]);
        kernel_mend_calls();
        break;
    }
    case SPACE_CALL_ARRAY:
        call_array(it);
        break;
    case SPACE_RESOLVE:
        resolve(it);
        break;
    case SPACE_FRAMES:
        it->status = space_frames(request);
        break;
    case SPACE_SYSTEM_CALL:
        it->result = space_enter_system_call(request, it->results);
        break;
    case SPACE_DEVICE:
        it->result = space_enter_device(request, &it->results[0]);
        break;
    default:
        it->status = space_finish_thread(request->address);
    }
}

uint64_t space_place_of(const struct space_request *request, uint32_t index)
{
    switch (request->kind) {
    case SPACE_RESOLVE:
        return index < request->count ? request->addresses[index] : 0;
    case SPACE_DEVICE:
        return request->addresses[0];
    default:
        return request->address;
    }
}

uint64_t space_current_place(void)
{
    const struct space_worker *it = own_worker;
    if (it == NULL) {
        return space_start_routine();
    }
    bool is_called = atomic_load(&it->state) != SPACE_WORKER_IDLE;
    return is_called ? space_place_of(&it->request, it->index) : 0;
}

uint64_t space_current_image(void)
{
    return space_image_at(space_current_place());
}

/*
 * pthread_exit in a call, or pthread_cancel from another thread. What is still to come are the thread's
 * destructors.
 */
static void thread_ends(void *argument)
{
    struct space_worker *it = argument;
    uint32_t state = SPACE_WORKER_RUNNING;
    atomic_compare_exchange_strong(&it->state, &state, SPACE_WORKER_ENDING);
    space_futex_wake(&it->state);
}

/* Returns when it is not wanted any more. */
static void serve_calls(struct space_worker *it)
{
    for (;;) {
        uint32_t state = atomic_load(&it->state);
        while (state != SPACE_WORKER_RUNNING) {
            if (state == SPACE_WORKER_DISMISSED) {
                return;
            }
            space_futex_wait(&it->state, state, NULL);
            state = atomic_load(&it->state);
        }
        space_begin_call();
        run(it);
        space_end_call();
        if (getpid() != space_process) {
            /* The module forked, and this is the child: there is nobody to return to. */
            _exit(0);
        }
        if (!atomic_compare_exchange_strong(&it->state, &state, SPACE_WORKER_IDLE)) {
            space_leave_thread();
        }
        space_futex_wake(&it->state);
    }
}

void *space_work(void *argument)
{
    struct space_worker *it = argument;
    own_worker = it;
    it->number = gettid();
    it->destructors = space_own_destructors();
    const stack_t stack = {.ss_sp = it->signal_stack, .ss_size = SPACE_SIGNAL_STACK_SIZE};
    __sigaltstack(&stack, NULL);
    space_prepare_calls();
    space_set_worker_state(it, SPACE_WORKER_IDLE);
    pthread_cleanup_push(thread_ends, it);
    serve_calls(it);
    pthread_cleanup_pop(0);
    return NULL;
}

/* ---- The server's side: workers come and go ---- */

static size_t round_up(size_t size)
{
    return (size + space_page_size - 1) / space_page_size * space_page_size;
}

static size_t worker_size(size_t stack_size)
{
    return round_up(sizeof(struct space_worker)) + GUARD_SIZE + SPACE_SIGNAL_STACK_SIZE + GUARD_SIZE + stack_size;
}

/* Maps a worker's memory, all of it without access but for the parts in use. */
static struct space_worker *map_worker(size_t stack_size)
{
    const int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK;
    char *memory = mmap(NULL, worker_size(stack_size), PROT_NONE, kind, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    char *signal_stack = memory + round_up(sizeof(struct space_worker)) + GUARD_SIZE;
    char *stack = signal_stack + SPACE_SIGNAL_STACK_SIZE + GUARD_SIZE;
    if (mprotect(memory, round_up(sizeof(struct space_worker)), PROT_READ | PROT_WRITE) != 0
        || mprotect(signal_stack, SPACE_SIGNAL_STACK_SIZE, PROT_READ | PROT_WRITE) != 0
        || mprotect(stack, stack_size, PROT_READ | PROT_WRITE) != 0) {
        munmap(memory, worker_size(stack_size));
        return NULL;
    }
    struct space_worker *it = (struct space_worker *)(void *)memory;
    it->memory = memory;
    it->signal_stack = signal_stack;
    it->fault.stack_start = (uintptr_t)stack;
    it->fault.stack_end = (uintptr_t)stack + stack_size;
    return it;
}

static size_t stack_size(const struct space_worker *it)
{
    return it->fault.stack_end - it->fault.stack_start;
}

int space_start_worker(struct space_lane *lane)
{
    struct space_worker *it = map_worker(lane == &space_first_lane ? STACK_SIZE : LANE_STACK_SIZE);
    if (it == NULL) {
        return EAGAIN;
    }
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, (void *)(uintptr_t)it->fault.stack_start, stack_size(it));
    int error = pthread_create(&it->thread, &attributes, space_work, it);
    pthread_attr_destroy(&attributes);
    if (error != 0) {
        munmap(it->memory, worker_size(stack_size(it)));
        return EAGAIN;
    }
    while (atomic_load(&it->state) == SPACE_WORKER_NEW) {
        space_futex_wait(&it->state, SPACE_WORKER_NEW, NULL);
    }
    space_equip_stack((void *)(uintptr_t)it->fault.stack_start, stack_size(it));
    lane->worker = it;
    return 0;
}

void space_bury_worker(struct space_worker *it)
{
    if (!it->joined) {
        pthread_join(it->thread, NULL);
    }
    /* The list's head is on the thread's stack, which is still there. */
    if (it->destructors != NULL) {
        space_forget_destructors(it->destructors);
    }
    munmap(it->memory, worker_size(stack_size(it)));
}

void space_release(struct space_lane *lane)
{
    if (lane->stopped != NULL) {
        space_set_worker_state(lane->stopped, SPACE_WORKER_RELEASED);
        space_bury_worker(lane->stopped);
        lane->stopped = NULL;
    }
}

void space_dismiss(struct space_lane *lane)
{
    space_release(lane);
    if (lane->worker != NULL) {
        space_set_worker_state(lane->worker, SPACE_WORKER_DISMISSED);
        space_bury_worker(lane->worker);
        lane->worker = NULL;
    }
}

int space_pending(uint64_t image, struct space_reply *reply)
{
    if (image == 0 || space_image_at(image) != image) {
        return EINVAL;
    }
    uint32_t own = space_own_pending(space_first_lane.worker, image) + space_own_pending(space_first_lane.stopped, image);
    reply->result = (int64_t)atomic_load(space_image_destructors(image)) - own;
    reply->results[0] = atomic_load(space_image_exit_functions(image));
    return 0;
}

void space_leave_worker(struct space_worker *it)
{
    pthread_mutex_lock(&left_lock);
    it->next_left = left;
    left = it;
    pthread_mutex_unlock(&left_lock);
}

void space_bury_returned(void)
{
    pthread_mutex_lock(&left_lock);
    struct space_worker **link = &left;
    while (*link != NULL) {
        struct space_worker *it = *link;
        it->joined = pthread_tryjoin_np(it->thread, NULL) == 0;
        if (it->joined) {
            *link = it->next_left;
            space_bury_worker(it);
        } else {
            link = &it->next_left;
        }
    }
    pthread_mutex_unlock(&left_lock);
}
