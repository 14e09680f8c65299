#define _GNU_SOURCE
#include "CPosix.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>


ssize_t cposix_send(int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count) {
    union {
        struct cmsghdr alignment;
        char bytes[CMSG_SPACE(CPOSIX_MAXIMUM_DESCRIPTORS * sizeof(int))];
    } control;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (descriptor_count > CPOSIX_MAXIMUM_DESCRIPTORS) {
        errno = EINVAL;
        return -1;
    }
    if (descriptor_count > 0) {
        size_t size = descriptor_count * sizeof(int);
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(header), descriptors, size);
    }
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

ssize_t cposix_receive(
    int socket, void *bytes, size_t count, int *descriptors, size_t *descriptor_count, int *truncated) {
    /* Room for credentials and a security label too, in case the socket was made by someone who asked for them. */
    union {
        struct cmsghdr alignment;
        char bytes[CMSG_SPACE(CPOSIX_MAXIMUM_DESCRIPTORS * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred)) +
                   CMSG_SPACE(NAME_MAX)];
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};

    *descriptor_count = 0;
    *truncated = 0;
    ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (received < 0)
        return -1;
    *truncated = message.msg_flags & MSG_CTRUNC ? CPOSIX_DESCRIPTORS_TRUNCATED : 0;
    *truncated |= message.msg_flags & MSG_TRUNC ? CPOSIX_BYTES_TRUNCATED : 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t arrived = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t index = 0; index < arrived; index++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(header) + index * sizeof(int), sizeof(int));
            if (*descriptor_count < CPOSIX_MAXIMUM_DESCRIPTORS) {
                descriptors[(*descriptor_count)++] = descriptor;
            } else {
                close(descriptor);
                *truncated |= CPOSIX_DESCRIPTORS_TRUNCATED;
            }
        }
    }
    return received;
}

int cposix_peer_credentials(int socket, pid_t *process, uid_t *user, gid_t *group) {
    struct ucred credentials = {0};
    socklen_t size = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
        return -1;
    *process = credentials.pid;
    *user = credentials.uid;
    *group = credentials.gid;
    return 0;
}

const char *cposix_error_name(int code) { return strerrorname_np(code); }

const char *cposix_error_description(int code) { return strerrordesc_np(code); }

const char *cposix_signal_name(int signal) { return sigabbrev_np(signal); }

int cposix_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING); }

void cposix_keep_apart(pthread_t thread)
{
    cpu_set_t processors;
    int own = sched_getcpu();

    if (own < 0 || pthread_getaffinity_np(pthread_self(), sizeof processors, &processors) != 0)
        return;
    CPU_CLR(own, &processors);
    if (CPU_COUNT(&processors) > 0)
        pthread_setaffinity_np(thread, sizeof processors, &processors);
}

int cposix_processor_count(void)
{
    cpu_set_t processors;
    if (sched_getaffinity(0, sizeof processors, &processors) != 0) {
        return -1;
    }
    return CPU_COUNT(&processors);
}

int cposix_allocate(int descriptor, off_t size) { return fallocate(descriptor, 0, 0, size); }

int cposix_process_descriptor(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

int cposix_duplicate(int descriptor, int lowest) { return fcntl(descriptor, F_DUPFD_CLOEXEC, lowest); }

int cposix_set_nonblocking(int descriptor, int nonblocking) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0)
        return -1;
    return fcntl(descriptor, F_SETFL, nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

int cposix_set_close_on_exec(int descriptor, int close_on_exec) {
    return fcntl(descriptor, F_SETFD, close_on_exec ? FD_CLOEXEC : 0);
}

int cposix_thread_number(void) { return (int)syscall(SYS_gettid); }

int cposix_take_write_lease(int descriptor, int thread) {
    /* Who is told has to be set first: the lease may be broken at once. */
    struct f_owner_ex owner = {.type = F_OWNER_TID, .pid = thread};
    if (fcntl(descriptor, F_SETOWN_EX, &owner) < 0)
        return -1;
    return fcntl(descriptor, F_SETLEASE, F_WRLCK);
}

int cposix_lease_is_wanted(int descriptor) {
    int lease = fcntl(descriptor, F_GETLEASE);
    return lease < 0 ? -1 : lease != F_WRLCK;
}

int cposix_end_lease(int descriptor) { return fcntl(descriptor, F_SETLEASE, F_UNLCK); }

int cposix_set_thread_name(const char *name) { return prctl(PR_SET_NAME, name); }

int cposix_accept(int socket) { return accept4(socket, NULL, NULL, SOCK_CLOEXEC); }

int cposix_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int cposix_event_descriptor(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int cposix_signal_descriptor(const int *signals, size_t count) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t index = 0; index < count; index++)
        if (sigaddset(&set, signals[index]) < 0)
            return -1;
    int failed = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (failed) {
        errno = failed;
        return -1;
    }
    return signalfd(-1, &set, SFD_CLOEXEC);
}

int cposix_read_signal(int descriptor) {
    struct signalfd_siginfo information;
    ssize_t count = read(descriptor, &information, sizeof information);
    if (count < 0)
        return -1;
    if (count != sizeof information) {
        errno = EIO;
        return -1;
    }
    return (int)information.ssi_signo;
}

/* The write to a pipe without reader raises SIGPIPE in the writing thread: block it there, and take it back. */
ssize_t cposix_write(int descriptor, const void *bytes, size_t count) {
    sigset_t pipe_signal, before, pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    int failed = pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    if (failed) {
        errno = failed;
        return -1;
    }
    ssize_t written = write(descriptor, bytes, count);
    int code = errno;
    if (written < 0 && code == EPIPE && !sigismember(&pending, SIGPIPE)) {
        struct timespec at_once = {0};
        sigtimedwait(&pipe_signal, NULL, &at_once);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = code;
    return written;
}

char **cposix_environment(void) { return environ; }

/* From here on: the child of a fork in a program with threads. Only what signal-safety(7) allows. */

static void write_process_number(char *place) {
    char digits[11];
    size_t count = 0;
    for (unsigned rest = (unsigned)getpid(); count == 0 || rest != 0; rest /= 10)
        digits[count++] = (char)('0' + rest % 10);
    while (count > 0)
        *place++ = digits[--count];
    *place = 0;
}

static int reset_signals(void) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        if (number != SIGKILL && number != SIGSTOP)
            sigaction(number, &standard, NULL);
    /* Two that the C library keeps for itself, which may be ignored all the same. The kernel's structure: four words at the most. */
    const uint64_t kernels_standard[4] = {0};
    for (int number = 32; number <= 33; number++)
        syscall(SYS_rt_sigaction, number, kernels_standard, NULL, sizeof(uint64_t));
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * A target may be the number of another pair's source, or of the failure descriptor. So everything still needed first
 * moves above all targets, and only then do the targets get their descriptors.
 */
static int place_descriptors(const struct cposix_spawn_request *what, int *failure) {
    int highest = STDERR_FILENO;
    for (size_t index = 0; index < what->descriptor_count; index++)
        if (what->targets[index] > highest)
            highest = what->targets[index];
    int moved_failure = cposix_duplicate(*failure, highest + 1);
    if (moved_failure < 0)
        return -1;
    *failure = moved_failure;
    int moved[what->descriptor_count + 1];
    for (size_t index = 0; index < what->descriptor_count; index++)
        if ((moved[index] = cposix_duplicate(what->sources[index], highest + 1)) < 0)
            return -1;
    /* Where the kernel is older than 5.11 this fails, and what others opened without O_CLOEXEC stays open. */
    syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */);
    for (size_t index = 0; index < what->descriptor_count; index++)
        if (dup2(moved[index], what->targets[index]) < 0)
            return -1;
    return 0;
}

static int prepare_child(const struct cposix_spawn_request *what, int *failure) {
    if (place_descriptors(what, failure) < 0)
        return CPOSIX_STEP_DESCRIPTORS;
    if (what->new_session && setsid() < 0)
        return CPOSIX_STEP_SESSION;
    if (what->process_number)
        write_process_number(what->process_number);
    if (reset_signals() < 0)
        return CPOSIX_STEP_SIGNALS;
    execve(what->executable, what->arguments, what->environment);
    return CPOSIX_STEP_EXECUTE;
}

static void run_child(const struct cposix_spawn_request *what) {
    int failure = what->failure_descriptor;
    struct cposix_spawn_failure message = {.step = prepare_child(what, &failure)};
    message.code = errno;
    ssize_t written = write(failure, &message, sizeof message);
    (void)written; /* no one is left to be told */
    _exit(127);
}

pid_t cposix_spawn(const struct cposix_spawn_request *what) {
    sigset_t all, before;
    /* No handler of the parent may run in the child: handlers may write to descriptors that both share. */
    sigfillset(&all);
    int failed = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (failed) {
        errno = failed;
        return -1;
    }
    pid_t child = fork();
    if (child == 0)
        run_child(what);
    int code = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = code;
    return child;
}
