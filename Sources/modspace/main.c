/* Start of a space: what must be so before the first module comes, and the thread that serves the daemon. */
#define _GNU_SOURCE
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VERSION "modspace (modlink) 0.1.0"

pid_t space_process;
size_t space_page_size;
bool space_is_serving;
bool space_is_filtered;
int space_argument_count;
char **space_arguments;
pthread_t space_initial_thread;

static _Noreturn void end(int status)
{
    space_flush_streams();
    /* _exit is a fault here: see resident.c. */
    for (;;) {
        space_libc_syscall(SYS_exit_group, status);
    }
}

_Noreturn void space_end(void)
{
    end(0);
}

_Noreturn void space_end_unconnected(void)
{
    end(SPACE_EXIT_UNCONNECTED);
}

/* NULL, or what is wrong with the descriptor that the daemon must have put there. */
static const char *socket_problem(int descriptor)
{
    int type = 0;
    socklen_t size = sizeof type;
    if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
        return "not a socket";
    }
    return type == SOCK_SEQPACKET ? NULL : "not a SOCK_SEQPACKET socket";
}

/*
 * A space has a session of its own; but a terminal that a module opens becomes the session's, and its ^C and hang-up then
 * come here. What a module prints must not end a space when the console's reader is gone. These signals have no effect unless
 * a module asks for them (faults.c); they are not ignored, for programs that a module executes would inherit that. SIGTERM of
 * another process ends a space. PR_SET_PDEATHSIG is not used: a space may outlive its daemon.
 */
static void take_signals(void)
{
    space_is_filtered = space_filter_system_calls();
    space_install_signals();
    space_change_mask(SIG_SETMASK, 0);
}

/*
 * A page that a forked child has anew, and a child of vfork(2) shares. Without it, a child counts as one that shares.
 */
static const volatile char *parent_page;

static void mark_memory(void)
{
    char *page = mmap(NULL, space_page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED && madvise(page, space_page_size, MADV_WIPEONFORK) == 0) {
        *page = 1;
        parent_page = page;
    }
}

bool space_is_borrowed_memory(void)
{
    return getpid() != space_process && (parent_page == NULL || *parent_page != 0);
}

/*
 * What a process inherits would be that of whoever happened to start the daemon: every space begins alike. Hard limits
 * are the administrator's, and stay. The environment is the daemon's to choose.
 */
static int begin_alike(void)
{
    static const struct {
        int resource;
        rlim_t soft;
    } limits[] = {
        {RLIMIT_AS, RLIM_INFINITY},    {RLIMIT_CPU, RLIM_INFINITY},
        {RLIMIT_DATA, RLIM_INFINITY},  {RLIMIT_FSIZE, RLIM_INFINITY},
        {RLIMIT_NOFILE, 4096},         {RLIMIT_STACK, 8u << 20},
        /* The daemon writes core files of its own. */
        {RLIMIT_CORE, 0},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct rlimit limit;
        if (getrlimit(limits[i].resource, &limit) != 0) {
            return errno;
        }
        limit.rlim_cur = limits[i].soft < limit.rlim_max ? limits[i].soft : limit.rlim_max;
        if (setrlimit(limits[i].resource, &limit) != 0) {
            return errno;
        }
    }
    umask(022);
    return chdir("/") == 0 ? 0 : errno;
}

/*
 * A child that a module forked must not keep the daemon's sockets open, or the daemon would never see this
 * process end.
 */
static void close_sockets_of_child(void)
{
    space_close_all_own();
}

/* The sockets get numbers of the space's own, and are close-on-exec: a program that a module executes has no business with them. */
static bool move_sockets(void)
{
    space_first_lane.socket = space_own_descriptor(SPACE_DESCRIPTOR);
    space_event_socket = space_own_descriptor(SPACE_EVENT_DESCRIPTOR);
    if (space_first_lane.socket < 0 || space_event_socket < 0) {
        return false;
    }
    close(SPACE_DESCRIPTOR);
    close(SPACE_EVENT_DESCRIPTOR);
    return true;
}

static int fail(const char *subject, int error)
{
    fprintf(stderr, "modspace: %s: %s\n", subject, strerror(error));
    return SPACE_EXIT_SYSTEM;
}

/*
 * The server's thread takes no signals that are meant for the process: a module's handler for, say, SIGALRM
 * would run there, and module code must not. The initial thread takes them.
 */
static int start_server(void)
{
    pthread_t server;
    uint64_t before = space_block_most();
    int error = pthread_create(&server, NULL, space_serve, &space_first_lane);
    space_change_mask(SIG_SETMASK, before);
    return error;
}

/*
 * With MODLINK_SPACE_WRAPPER in the environment, this process becomes that program, words separated by spaces, with the space
 * as its last argument: valgrind, for one. The daemon, which reads the space's own file, need not know of it.
 */
static int become_wrapper(void)
{
    static char program[4096], text[4096];
    char *words[64];
    size_t count = 0;
    const char *wrapper = getenv("MODLINK_SPACE_WRAPPER");
    if (wrapper == NULL || *wrapper == '\0') {
        return 0;
    }
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0) {
        return errno;
    }
    if (strlen(wrapper) >= sizeof text) {
        return E2BIG;
    }
    strcpy(text, wrapper);
    char *rest = text;
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        if (count == sizeof words / sizeof words[0] - 2) {
            return E2BIG;
        }
        words[count++] = word;
    }
    words[count++] = program;
    words[count] = NULL;
    unsetenv("MODLINK_SPACE_WRAPPER");
    execvp(words[0], words);
    return errno;
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "--version") == 0) {
        puts(VERSION);
        return 0;
    }
    if (count > 1) {
        fprintf(stderr, "modspace: %s: no such option; it is started by modlinkd\n", arguments[1]);
        return SPACE_EXIT_USAGE;
    }
    static const int sockets[] = {SPACE_DESCRIPTOR, SPACE_EVENT_DESCRIPTOR};
    for (size_t i = 0; i < sizeof sockets / sizeof sockets[0]; i++) {
        const char *problem = socket_problem(sockets[i]);
        if (problem != NULL) {
            fprintf(stderr, "modspace: descriptor %d: %s; it is started by modlinkd\n", sockets[i], problem);
            return SPACE_EXIT_USAGE;
        }
    }
    int error = become_wrapper();
    if (error != 0) {
        return fail("MODLINK_SPACE_WRAPPER", error);
    }
    space_argument_count = count;
    space_arguments = arguments;
    space_initial_thread = pthread_self();
    space_process = getpid();
    space_page_size = (size_t)sysconf(_SC_PAGESIZE);
    mark_memory();
    error = begin_alike();
    if (error != 0) {
        return fail("directory and limits", error);
    }
    take_signals();
    space_prepare_halting();
    space_prepare_streams();
    space_prepare_state();
    if (!move_sockets()) {
        return fail("descriptors 3 and 4", errno);
    }
    space_keep_standard();
    error = space_reserve_window();
    if (error != 0) {
        return fail("window for images", error);
    }
    error = pthread_atfork(NULL, NULL, close_sockets_of_child);
    if (error != 0) {
        return fail("fork handler", error);
    }
    /*
     * Where the kernel lets only a process's parents trace it (Yama, ptrace_scope 1), its user's debuggers may all the
     * same: to be debugged is what a space is for, and who can trace it can load modules into it anyway. Other
     * kernels do not know the call.
     */
    (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    /* Before it says so: what happens then is to be told. */
    space_is_serving = true;
    error = start_server();
    if (error != 0) {
        space_is_serving = false;
        return fail("server thread", error);
    }
    space_keep();
}
