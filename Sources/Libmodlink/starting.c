/*
 * Starts a daemon by running modlinkd, which returns when it has one ready in the background, or one is there already: so of many who
 * try at once all find the same.
 *
 * The program that this library is part of must not notice: no child of its own that it would have to wait for, no SIGCHLD. Hence
 * a process between, which is made without a signal for its end, and which a plain wait of the program passes over.
 */
#define _GNU_SOURCE
#include "libmodlink.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMPLAINT_LIMIT 4096

/* Where modlinkd is, seen from the folder of this library: the build folder, and those that Scripts/install makes. */
static const char *const places[] = {"", "/../sbin", "/../bin", "/../libexec/modlink", "/../../sbin", "/../../bin"};

static bool find_daemon(char path[PATH_MAX])
{
    Dl_info own;
    const char *slash = NULL;
    if (dladdr((void *)&modlink_open, &own) != 0 && own.dli_fname != NULL) {
        slash = strrchr(own.dli_fname, '/');
    }
    for (size_t i = 0; slash != NULL && i < sizeof places / sizeof places[0]; i++) {
        int folder = (int)(slash - own.dli_fname);
        int length = snprintf(path, PATH_MAX, "%.*s%s/modlinkd", folder, own.dli_fname, places[i]);
        if (length > 0 && length < PATH_MAX && access(path, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

/* The environment with another MODLINK_RUNTIME_DIR; the array and its first element are to be freed. */
static char **environment(const char *directory)
{
    static const char name[] = "MODLINK_RUNTIME_DIR=";
    size_t count = 0;
    while (environ[count] != NULL) {
        count++;
    }
    char **result = calloc(count + 2, sizeof *result);
    if (result == NULL || asprintf(&result[0], "%s%s", name, directory) < 0) {
        free(result);
        return NULL;
    }
    size_t kept = 1;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environ[i], name, sizeof name - 1) != 0) {
            result[kept++] = environ[i];
        }
    }
    return result;
}

/* A fork(2) without the functions of pthread_atfork(3). What follows in the child may only do what signal-safety(7) allows. */
static pid_t quiet_fork(int signal)
{
    return (pid_t)syscall(SYS_clone, (unsigned long)signal, 0UL, 0UL, 0UL, 0UL);
}

static _Noreturn void run(const char *path, char **variables, int null, int output)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int number = 1; number < NSIG; number++) {
        if (number != SIGKILL && number != SIGSTOP) {
            sigaction(number, &standard, NULL);
        }
    }
    /* They may be the standard ones themselves, where the program has closed its own. */
    int from = fcntl(null, F_DUPFD_CLOEXEC, 3);
    int to = fcntl(output, F_DUPFD_CLOEXEC, 3);
    if (from < 0 || to < 0 || dup2(from, 0) < 0 || dup2(from, 1) < 0 || dup2(to, 2) < 0) {
        _exit(127);
    }
    syscall(SYS_close_range, 3u, ~0u, 1u << 2 /* CLOSE_RANGE_CLOEXEC */);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    char *const arguments[] = {(char *)"modlinkd", NULL};
    execve(path, arguments, variables);
    _exit(127);
}

static pid_t start_between(const char *path, char **variables, int null, const int ends[2])
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t between = quiet_fork(0);
    if (between == 0) {
        pid_t child = quiet_fork(SIGCHLD);
        if (child == 0) {
            run(path, variables, null, ends[1]);
        }
        close(ends[1]);
        while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) {
        }
        _exit(0);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return between;
}

/* What comes until the other end is closed, without the newline at its end. */
static char *read_all(int end)
{
    char *text = calloc(1, COMPLAINT_LIMIT + 1);
    char rest[512];
    size_t used = 0;
    for (;;) {
        bool is_full = text == NULL || used == COMPLAINT_LIMIT;
        ssize_t count = is_full ? read(end, rest, sizeof rest) : read(end, text + used, COMPLAINT_LIMIT - used);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            break;
        }
        used += is_full ? 0 : (size_t)count;
    }
    while (used > 0 && text[used - 1] == '\n') {
        text[--used] = 0;
    }
    return text;
}

void ml_start_daemon(const char *directory, char **complaint)
{
    char path[PATH_MAX];
    int ends[2];
    *complaint = NULL;
    if (!find_daemon(path)) {
        *complaint = strdup("no daemon listens there, and no modlinkd is where this library is");
        return;
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || pipe2(ends, O_CLOEXEC) != 0) {
        if (null >= 0) {
            close(null);
        }
        return;
    }
    char **variables = environment(directory);
    pid_t between = variables == NULL ? -1 : start_between(path, variables, null, ends);
    close(ends[1]);
    close(null);
    if (between > 0) {
        *complaint = read_all(ends[0]);
        while (waitpid(between, NULL, __WCLONE) < 0 && errno == EINTR) {
        }
    }
    close(ends[0]);
    if (variables != NULL) {
        free(variables[0]);
        free(variables);
    }
}
