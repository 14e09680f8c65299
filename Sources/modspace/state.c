/*
 * What a call of a module may change and forget to change back, and what the next module's call begins with.
 *
 * Of the thread: rounding and traps of the floating-point unit, locale, cancelability, mask, name, processors, priority.
 * Each call begins with what the first one began with.
 *
 * Of the process: working directory, umask, limits, environment, locale. A module may mean to change these, for as long as it
 * is there. So after each call it is noted what has changed, and for whom; when the module goes, what was before is so again,
 * unless another module has changed it since.
 */
#define _GNU_SOURCE
#include "signals.h"

#include <errno.h>
#include <fenv.h>
#include <limits.h>
#include <locale.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#endif

/* ---- Of the thread ---- */

/* prctl(2), PR_SET_NAME. */
#define NAME_SIZE 16

static __thread struct {
    char name[NAME_SIZE];
    cpu_set_t processors;
    int priority;
} begun_with;

static int thread_priority(void)
{
    /* On Linux it is the thread's, not the process's: sched(7). */
    return getpriority(PRIO_PROCESS, 0);
}

void space_prepare_calls(void)
{
    prctl(PR_GET_NAME, begun_with.name);
    sched_getaffinity(0, sizeof begun_with.processors, &begun_with.processors);
    begun_with.priority = thread_priority();
    space_block_most();
}

static void restore_scheduling(void)
{
    char name[NAME_SIZE] = {0};
    if (prctl(PR_GET_NAME, name) == 0 && memcmp(name, begun_with.name, sizeof name) != 0) {
        prctl(PR_SET_NAME, begun_with.name);
    }
    cpu_set_t processors;
    if (sched_getaffinity(0, sizeof processors, &processors) == 0 && !CPU_EQUAL(&processors, &begun_with.processors)) {
        sched_setaffinity(0, sizeof begun_with.processors, &begun_with.processors);
    }
    if (thread_priority() != begun_with.priority) {
        setpriority(PRIO_PROCESS, 0, begun_with.priority);
    }
}

/* EFLAGS.AC: a word that is not aligned raises SIGBUS (Intel SDM volume 1, 3.4.3.3). */
#define ALIGNMENT_CHECK 0x40000

void space_begin_call(void)
{
    /* What a module leaves on the stack of the x87, by MMX too, takes the room of the next numbers, which become NaN. */
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("fninit");
#endif
    fesetenv(FE_DFL_ENV);
    uselocale(LC_GLOBAL_LOCALE);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL);
    restore_scheduling();
    space_forget_asked_stack();
    errno = 0;
    space_change_mask(SIG_SETMASK, 0);
}

void space_end_call(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __writeeflags(__readeflags() & ~(unsigned)ALIGNMENT_CHECK);
    /* psABI: the direction flag is clear on return. */
    __asm__ volatile("cld");
#endif
    /* A thread that waits for its next call is not where handlers of modules are to run. */
    space_block_most();
}

/* ---- Of the process ---- */

struct paths {
    char text[PATH_MAX];
};
/* What is beyond that of an environment is not restored. */
#define ENVIRONMENT_SIZE (64u << 10)
struct environment {
    /* The first so many strings stand one behind the other in the text; then comes NULL. */
    char *entries[ENVIRONMENT_SIZE / sizeof(char *) / 4];
    char text[ENVIRONMENT_SIZE];
    size_t count;
    size_t size;
    bool is_whole;
};
#define PAGE 4096u
#define ENTRIES (sizeof((struct environment *)0)->entries / sizeof(char *))
#define LOCALE_SIZE 512

struct state {
    struct paths directory;
    mode_t mask;
    struct rlimit limits[RLIM_NLIMITS];
    struct environment environment;
    char locale[LOCALE_SIZE];
};

/* The state as it was last seen, and, of each part that a module has changed, what it was before. */
static struct state *current;
static struct state *before;
/* In the order of enum space_state. */
static uint64_t owners[SPACE_STATE_PARTS];

/*
 * umask(2) tells the mask only by changing it, and what other threads create meanwhile would have the other one. So the mask
 * is noted where it is changed.
 */
static _Atomic mode_t mask_now;

mode_t umask(mode_t mask)
{
    mode_t old = (mode_t)space_libc_syscall(SYS_umask, mask);
    atomic_store(&mask_now, mask & 0777);
    return old;
}

static void read_limits(struct rlimit limits[RLIM_NLIMITS])
{
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        getrlimit((__rlimit_resource_t)i, &limits[i]);
    }
}

static void read_directory(struct paths *directory)
{
    if (getcwd(directory->text, sizeof directory->text) == NULL) {
        /* It has been removed. */
        directory->text[0] = '\0';
    }
}

/* Copies a string, with its end, and returns its size; 0 when it is not there, or too long. A module can have pointed `environ` anywhere. */
static size_t read_string(const char *from, char *to, size_t room)
{
    size_t used = 0;
    while (used < room) {
        size_t piece = PAGE - ((uintptr_t)from + used) % PAGE;
        size_t count = space_peek(from + used, to + used, piece < room - used ? piece : room - used);
        const char *end = memchr(to + used, 0, count);
        if (end != NULL) {
            return (size_t)(end - to) + 1;
        }
        if (count < piece) {
            return 0;
        }
        used += count;
    }
    return 0;
}

/* As much of the environment as is there and has room. */
static void copy_environment(struct environment *copy)
{
    size_t count = 0, used = 0;
    char *entry = NULL;
    copy->is_whole = environ == NULL;
    while (environ != NULL && count + 1 < ENTRIES && space_peek(environ + count, &entry, sizeof entry) == sizeof entry) {
        size_t size = entry == NULL ? 0 : read_string(entry, copy->text + used, sizeof copy->text - used);
        if (size == 0) {
            copy->is_whole = entry == NULL;
            break;
        }
        copy->entries[count++] = copy->text + used;
        used += size;
    }
    copy->entries[count] = NULL;
    copy->count = count;
    copy->size = used;
}

/* Whether the environment is as in the copy, as far as that goes: all strings are read at once. */
static bool is_same_environment(const struct environment *copy)
{
    static char *now[ENTRIES];
    static struct iovec pieces[IOV_MAX];
    static char text[ENVIRONMENT_SIZE];
    if (environ == NULL) {
        return copy->count == 0;
    }
    size_t wanted = copy->count + (copy->is_whole ? 1 : 0);
    if (space_peek(environ, now, wanted * sizeof now[0]) != wanted * sizeof now[0]
        || (copy->is_whole && now[copy->count] != NULL)) {
        return false;
    }
    size_t used = 0;
    for (size_t first = 0; first < copy->count; first += IOV_MAX) {
        size_t count = 0, size = 0;
        for (; count < IOV_MAX && first + count < copy->count; count++) {
            const char *entry = copy->entries[first + count];
            const char *end = first + count + 1 < copy->count ? copy->entries[first + count + 1] : copy->text + copy->size;
            pieces[count] = (struct iovec){.iov_base = now[first + count], .iov_len = (size_t)(end - entry)};
            size += pieces[count].iov_len;
        }
        struct iovec own = {.iov_base = text + used, .iov_len = size};
        if (process_vm_readv(space_process, &own, 1, pieces, count, 0) != (ssize_t)size) {
            return false;
        }
        used += size;
    }
    return memcmp(text, copy->text, used) == 0;
}

static const char *locale_now(void)
{
    const char *name = setlocale(LC_ALL, NULL);
    return name == NULL || strlen(name) >= LOCALE_SIZE ? "C" : name;
}

void space_prepare_state(void)
{
    void *memory = mmap(NULL, 2 * sizeof(struct state), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return;
    }
    current = memory;
    before = current + 1;
    read_directory(&current->directory);
    current->mask = atomic_load(&mask_now);
    read_limits(current->limits);
    copy_environment(&current->environment);
    strcpy(current->locale, locale_now());
}

/* A part has another value than when it was last looked at: `old` becomes what was before, unless the same module has changed it twice. */
static void note_change(enum space_state part, uint64_t image, void *saved, const void *old, size_t size)
{
    if (owners[part] != image) {
        memcpy(saved, old, size);
        owners[part] = image;
    }
}

void space_note_state(uint64_t image)
{
    if (current == NULL || image == 0) {
        return;
    }
    struct paths directory;
    read_directory(&directory);
    if (strcmp(directory.text, current->directory.text) != 0) {
        note_change(SPACE_STATE_DIRECTORY, image, &before->directory, &current->directory, sizeof directory);
        current->directory = directory;
    }
    mode_t mask = atomic_load(&mask_now);
    if (mask != current->mask) {
        note_change(SPACE_STATE_MASK, image, &before->mask, &current->mask, sizeof mask);
        current->mask = mask;
    }
    struct rlimit limits[RLIM_NLIMITS];
    read_limits(limits);
    if (memcmp(limits, current->limits, sizeof limits) != 0) {
        note_change(SPACE_STATE_LIMITS, image, before->limits, current->limits, sizeof limits);
        memcpy(current->limits, limits, sizeof limits);
    }
    if (!is_same_environment(&current->environment)) {
        if (owners[SPACE_STATE_ENVIRONMENT] != image) {
            char **now = environ;
            environ = current->environment.entries;
            copy_environment(&before->environment);
            environ = now;
            owners[SPACE_STATE_ENVIRONMENT] = image;
        }
        copy_environment(&current->environment);
    }
    const char *locale = locale_now();
    if (strcmp(locale, current->locale) != 0) {
        note_change(SPACE_STATE_LOCALE, image, before->locale, current->locale, sizeof before->locale);
        strcpy(current->locale, locale);
    }
}

/* The strings stay where they are: the copy is not written to until a module has changed the environment again. */
static char *restored_entries[ENTRIES];
static char restored_text[ENVIRONMENT_SIZE];

static void restore_environment(void)
{
    size_t count = 0;
    memcpy(restored_text, before->environment.text, sizeof restored_text);
    for (; before->environment.entries[count] != NULL; count++) {
        restored_entries[count] = restored_text + (before->environment.entries[count] - before->environment.text);
    }
    restored_entries[count] = NULL;
    environ = restored_entries;
    copy_environment(&current->environment);
}

/* putenv(3) keeps the caller's string. */
static void drop_entries(uint64_t image)
{
    static char *none[] = {NULL};
    if (space_image_at((uintptr_t)environ) == image) {
        environ = none;
    }
    char *entry = NULL;
    char **to = environ;
    for (char **from = environ; from != NULL && space_peek(from, &entry, sizeof entry) == sizeof entry; from++) {
        bool is_dropped = entry != NULL && space_image_at((uintptr_t)entry) == image;
        /* What nobody drops is not written: it may be constant. */
        if (!is_dropped && to++ != from) {
            to[-1] = entry;
        }
        if (entry == NULL) {
            break;
        }
    }
}

static bool is_owner(enum space_state part, uint64_t image)
{
    if (current == NULL || owners[part] != image) {
        return false;
    }
    owners[part] = 0;
    return true;
}

uint32_t space_restore_state(uint64_t image)
{
    uint32_t parts = 0;
    if (is_owner(SPACE_STATE_DIRECTORY, image) && chdir(before->directory.text) == 0) {
        parts |= 1u << SPACE_STATE_DIRECTORY;
        current->directory = before->directory;
    }
    if (is_owner(SPACE_STATE_MASK, image)) {
        parts |= 1u << SPACE_STATE_MASK;
        umask(before->mask);
        current->mask = before->mask;
    }
    if (is_owner(SPACE_STATE_LIMITS, image)) {
        for (int i = 0; i < RLIM_NLIMITS; i++) {
            setrlimit((__rlimit_resource_t)i, &before->limits[i]);
        }
        parts |= 1u << SPACE_STATE_LIMITS;
        read_limits(current->limits);
    }
    if (is_owner(SPACE_STATE_ENVIRONMENT, image)) {
        restore_environment();
        parts |= 1u << SPACE_STATE_ENVIRONMENT;
    }
    if (is_owner(SPACE_STATE_LOCALE, image) && setlocale(LC_ALL, before->locale) != NULL) {
        parts |= 1u << SPACE_STATE_LOCALE;
        strcpy(current->locale, before->locale);
    }
    drop_entries(image);
    return parts;
}
