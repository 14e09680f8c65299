/*
 * CPosix: what Swift cannot say about the C library: macros (CMSG_*), variadic calls,
 * declarations behind _GNU_SOURCE, and the child's side of a fork, where only
 * async-signal-safe C may run.
 *
 * No function here retries after EINTR; its caller, the Swift target Posix, does.
 * Unless said otherwise a function returns -1 and sets errno on failure.
 */
#ifndef CPOSIX_H
#define CPOSIX_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The most descriptors that one SCM_RIGHTS message carries (SCM_MAX_FD of the kernel). */
#define CPOSIX_MAXIMUM_DESCRIPTORS 253

/* unix(7): sends bytes with MSG_NOSIGNAL, and descriptors (up to CPOSIX_MAXIMUM_DESCRIPTORS) with the first of them. */
ssize_t cposix_send(int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count);

#define CPOSIX_DESCRIPTORS_TRUNCATED 1
#define CPOSIX_BYTES_TRUNCATED 2

/*
 * unix(7): receives bytes and, close-on-exec, the descriptors that came with them. `descriptors` has room for
 * CPOSIX_MAXIMUM_DESCRIPTORS. *truncated tells what the kernel dropped, if anything: descriptors (MSG_CTRUNC), or the
 * end of a packet (MSG_TRUNC). Descriptors that arrived are in `descriptors` all the same, and the caller's to close.
 */
ssize_t cposix_receive(
    int socket, void *bytes, size_t count, int *descriptors, size_t *descriptor_count, int *truncated);

/* SO_PEERCRED of unix(7): who connected, or who called listen. */
int cposix_peer_credentials(int socket, pid_t *process, uid_t *user, gid_t *group);

/* strerrorname_np(3), strerrordesc_np(3), and sigabbrev_np(3) ("SEGV"); or NULL. */
const char *cposix_error_name(int code);
const char *cposix_error_description(int code);
const char *cposix_signal_name(int signal);

int cposix_memory_file(const char *name);

/* ---- heap.c: the memory of malloc(3) ---- */

/* Bytes that it holds and nobody uses (mallinfo2(3)). */
size_t cposix_unused_memory(void);
/* Gives them back to the system, of all heaps. */
void cposix_return_memory(void);
/* Has malloc(3) keep memory that is not used any more, in a bounded number of heaps (mallopt(3)). 0 when refused. */
int cposix_keep_memory(void);

/*
 * Has a thread run on any processor that the caller may use but the caller's own, where there are others
 * (pthread_setaffinity_np(3)). A hint: nothing happens where the kernel refuses.
 */
void cposix_keep_apart(pthread_t thread);

/* Tells the processor that the caller watches for a change of memory in a loop. */
static inline void cposix_pause(void) { __builtin_ia32_pause(); }
/* sched_getaffinity(2): how many processors this process may use. */
int cposix_processor_count(void);
/* fallocate(2) from the start of the file, which becomes that long. */
int cposix_allocate(int descriptor, off_t size);
int cposix_process_descriptor(pid_t process);
/*
 * Takes note of the end of a thread that this process traces (PTRACE_TRACEME makes it so), if it has ended: its process cannot end
 * before.
 */
void cposix_bury_thread(pid_t thread);
int cposix_duplicate(int descriptor, int lowest);
int cposix_set_nonblocking(int descriptor, int nonblocking);
int cposix_set_close_on_exec(int descriptor, int close_on_exec);
/* prctl(2), PR_SET_NAME: names the calling thread; the kernel keeps 15 bytes. */
int cposix_set_thread_name(const char *name);
/* gettid(2). */
int cposix_thread_number(void);

/*
 * fcntl(2), F_SETLEASE: a write lease. Who opens the file from now on waits, and `thread` is sent SIGIO, which it has to block.
 */
int cposix_take_write_lease(int descriptor, int thread);
/* 1 when somebody waits for the lease to end, or it has ended; 0 when not. */
int cposix_lease_is_wanted(int descriptor);
int cposix_end_lease(int descriptor);

int cposix_accept(int socket);
/* pipe2(2), close-on-exec: ends[0] is read, ends[1] is written. */
int cposix_pipe(int ends[2]);
/* eventfd(2), not blocking. */
int cposix_event_descriptor(void);

/* Blocks the signals in the calling thread, and gives a signalfd(2) for them. */
int cposix_signal_descriptor(const int *signals, size_t count);
/* The number of the next signal that came to a signalfd(2). */
int cposix_read_signal(int descriptor);

/* write(2) that never raises SIGPIPE: a pipe without reader is EPIPE and nothing else. */
ssize_t cposix_write(int descriptor, const void *bytes, size_t count);

/* environ(7), which Swift may not name: it is a global variable that anyone may change. */
char **cposix_environment(void);

/* What a child was doing when it failed. */
enum cposix_step {
    CPOSIX_STEP_DESCRIPTORS,
    CPOSIX_STEP_SESSION,
    CPOSIX_STEP_SIGNALS,
    CPOSIX_STEP_EXECUTE,
};

struct cposix_spawn_failure {
    int step; /* enum cposix_step */
    int code; /* errno */
};

struct cposix_spawn_request {
    const char *executable;
    char *const *arguments;   /* NULL-terminated */
    char *const *environment; /* NULL-terminated */
    /* Descriptor sources[i] of the parent becomes targets[i] of the child. */
    const int *sources;
    const int *targets;
    size_t descriptor_count;
    int new_session;
    /* Where in the environment the child writes its process number as digits and a NUL (11 bytes), or NULL. */
    char *process_number;
    /* Close-on-exec. The child writes a struct cposix_spawn_failure here when it could not start the program. */
    int failure_descriptor;
};

/*
 * Forks and executes. The child has the default action for every signal, none blocked, and no descriptors but 0, 1, 2
 * and the targets. Returns the child's process number.
 */
pid_t cposix_spawn(const struct cposix_spawn_request *what);

/*
 * For a process whose work may crash or never end, and who wants to have said what it knew by then: on a signal that ends a process
 * because of what it does (SIGSEGV and so on), and after that many seconds, it writes its last words to standard output and ends with
 * status 0; with status 1 when it has none, or they cannot be written.
 */
int cposix_prepare_last_words(unsigned seconds);

/* Copies what is to be written then, in place of what was before. Not while another thread does so. */
int cposix_set_last_words(const void *bytes, size_t count);

/* ---- PartingWords.c ---- */

/*
 * Copies what is to be written to standard error when SIGINT, SIGTERM or SIGHUP ends the process, which those do as before; NULL is
 * nothing. Signals that are ignored stay so. Returns 0, or -1 with errno.
 */
int cposix_set_parting_words(const char *text);
/* PR_SET_CHILD_SUBREAPER of prctl(2): processes below this one that lose their parent become its children. */
int cposix_adopt_orphans(void);

/* ---- trace.c: processes that stand still while they are looked at (ptrace(2)) ---- */

/* PTRACE_SEIZE and PTRACE_INTERRUPT: the thread is the calling thread's to look at, and is about to stand still. */
int cposix_trace_seize(pid_t thread);
/*
 * Waits until the thread stands still. Returns 1 then, and in *signal the signal that it was just to be given, or 0; returns 0 when it
 * does not stand still after so many milliseconds, or has ended. It is left to whoever waits for the process to learn how it ended.
 */
int cposix_trace_wait(pid_t thread, int milliseconds, int *signal);
/* PTRACE_DETACH: lets the thread go on, and gives it that signal, if any. */
int cposix_trace_release(pid_t thread, int signal);
/* PTRACE_GETREGSET: a set of registers by its number (NT_PRSTATUS and so on of elf.h). Returns how many bytes it has. */
ssize_t cposix_trace_registers(pid_t thread, unsigned set, void *bytes, size_t count);
/* process_vm_readv(2): bytes of another process's memory; fewer where not all can be read. */
ssize_t cposix_read_memory(pid_t process, uint64_t address, void *bytes, size_t count);

/* What cposix_copy_memory copies: whole pages, of 4096 bytes. */
struct cposix_memory_range {
    uint64_t address;
    uint64_t size;
    /* Where the first byte goes in the file. */
    uint64_t offset;
    /* Pages that are not there are zero, and need not be looked at: so it is with memory of no file. */
    int is_anonymous;
};
/*
 * Copies memory of another process to a file; pages of zeros are left out, and so is what cannot be read. `buffer` has room for
 * buffer_size bytes, some pages. `pages` is the process's /proc/PID/pagemap, or -1. Adds to *copied the bytes that were written.
 */
int cposix_copy_memory(
    pid_t process, int pages, const struct cposix_memory_range *range, int file, void *buffer, size_t buffer_size,
    uint64_t *copied);

#endif
