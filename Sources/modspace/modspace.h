/*
 * modspace: the process that modules live and run in. See SpaceProtocol.h for how the daemon speaks to it.
 *
 *     main.c       start: options, the window, signals; then the server's thread
 *     messages.c   one request after the other: check, do, reply
 *     mapping.c    the window: which pages belong to which image; map, unmap, read, write
 *     calls.c      the threads that run module code: hand one a call, wait for it, stop it, replace it
 *     workers.c    what such a thread does, and how it comes and goes
 *     faults.c     what happens to a thread that raises SIGSEGV and the like, or calls exit
 *     signals.c    handlers and masks of modules; signals.h: what these four have for each other
 *     senders.c    alarms and timers, and whose they are
 *     limits.c     limits of resources that modules set
 *     state.c      what a call may change and the next one must not find changed
 *     kept.c       what the C library keeps of a module's memory
 *     system_calls.c  the same, for system calls that modules make themselves
 *     halted.c     threads that stand still after that, outside of calls, and what is left of them
 *     ending.c     which threads there are, and the end of one that the daemon wants to end
 *     locks.c      locks of the C library that a stopped thread has left taken
 *     opened.c     which module has opened which descriptor
 *     machine.c    the registers of this machine
 *     descriptors.c  the space's own descriptors, which modules do not reach
 *     streams.c    stdout and stderr, also after a thread was stopped inside printf
 *     frames.c     the unwinder's tables
 *     threads.c    thread-local variables of modules
 *     images.c     images as ELF files, for who asks a dynamic linker
 *     symbol_files.c  and their symbols
 *     dynamic.c    dl_iterate_phdr, dladdr, dlsym and their like
 *     names.c      users, groups and hosts
 *     destructors.c  and what is to be done with them when a thread ends
 *     debugger.c   the GDB JIT interface
 *     resident.c   functions for modules that libc.a cannot give as they are
 *     devices.c    system calls and devices of modules, used by the daemon's clients
 *     waiting.c    threads of modules that wait for one another
 *     callouts.c   functions of modules that are called when time has passed
 *     kernel.h     what modules find of a kernel: tables to register in, use counts by name, messages
 *
 * Threads. The initial thread takes the signals that are sent to the process, and sees to the end of threads that
 * stand still (halted.c). malloc gives it the main arena. That arena is the one that a wild free() locks and never
 * unlocks, so a thread that must not hang keeps away from it. The server's thread serves the socket and never runs
 * module code. One worker at a time runs its calls. Each open device has such a pair of its own, a lane. Modules may
 * make threads of their own.
 *
 * Nothing here is visible to modules but what Scripts/build-space lists in the section .modlink.resident.
 */
#ifndef MODSPACE_H
#define MODSPACE_H

#include "SpaceProtocol.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/*
 * Where images go, on every machine. Scripts/build-space puts the program itself just above: everything lies in
 * the low 2 GB, within the reach of every code model, and the heap of brk(2), which the kernel begins at up to
 * 1 GB above a program's end (32 MB on i386), grows away from the window. On i386 that leaves the upper 1 or 2 GB to
 * stacks and to what mmap(2) places.
 */
#define SPACE_WINDOW_START UINT64_C(0x10000000)
#define SPACE_WINDOW_END UINT64_C(0x70000000)
/* Where valgrind has itself, in the same process. */
#define SPACE_VALGRIND_START UINT64_C(0x58000000)

/*
 * Bytes of each thread that are for thread-local variables of modules, and what their address is a multiple of:
 * beyond 256 no processor asks for, nor do programs that keep variables of two threads out of one cache line.
 */
#define SPACE_RESERVE_SIZE 65536
#define SPACE_RESERVE_ALIGNMENT 256

/* Exit statuses of sysexits.h. */
#define SPACE_EXIT_USAGE 64
#define SPACE_EXIT_SYSTEM 71

/* Sent to a worker whose time is up. The highest signal: the one that modules are least likely to want. */
#define SPACE_DEADLINE_SIGNAL 64

/* Of this process, so that a child that a module forked can be told from it. */
extern pid_t space_process;
/* True in a child of vfork(2), and of whatever else makes a process that has this one's memory. Asynchronous-signal-safe. */
bool space_is_borrowed_memory(void);
/* True when system calls that modules make themselves come to the space: system_calls.c. */
extern bool space_is_filtered;
/* From when on exit(3) is a fault: the space serves. */
extern bool space_is_serving;
extern size_t space_page_size;
/* What main was given: modules' constructors are given the same. */
extern int space_argument_count;
extern char **space_arguments;
extern pthread_t space_initial_thread;

/* ---- main.c ---- */

/*
 * Flushes, and ends the process with status 0. The functions given to atexit are not called: their modules may
 * be gone.
 */
_Noreturn void space_end(void);
/* The daemon has gone, or a module has closed the connection: flushes, and ends the process with status SPACE_EXIT_UNCONNECTED. */
_Noreturn void space_end_unconnected(void);

/* ---- messages.c ---- */

struct space_worker;

/* A connection of the daemon's, and the threads that calls are made on for it. Only the thread that serves it changes it. */
struct space_lane {
    int socket;
    /* Runs its calls; NULL until there is one. */
    struct space_worker *worker;
    /* Was stopped in the last one; or NULL. */
    struct space_worker *stopped;
};

/* The first one: what came as SPACE_DESCRIPTOR. Others come with SPACE_CONNECT, and serve devices. */
extern struct space_lane space_first_lane;
/* What came as SPACE_EVENT_DESCRIPTOR. */
extern int space_event_socket;

/* Serves a lane until the daemon closes its end; the first one begins with SPACE_HELLO, and ends the process. */
void *space_serve(void *lane);
/* Whether the calling thread does that. Asynchronous-signal-safe. */
bool space_is_server(void);
/* True once the daemon has closed its end. */
bool space_is_abandoned(const struct space_lane *lane);
/* Whether the daemon wants the request of that sequence number to end now (SPACE_INTERRUPT, which this takes off the socket). */
bool space_is_interrupted(const struct space_lane *lane, uint32_t sequence);

/* ---- mapping.c ---- */

/* Where the window ends, once it is reserved: what the daemon is told. */
extern uint64_t space_window_end;
/* Reserves the window. Returns 0, or errno: EEXIST when something is there. */
int space_reserve_window(void);
int space_map(const struct space_request *request, int image);
/* Whether an image begins just there. */
bool space_is_image(uint64_t address);
/* From an image's lowest address to the end of its last page. */
uint64_t space_image_size(uint64_t image);
int space_map_flat(uint64_t address, uint64_t size);
int space_fill(uint64_t address, uint64_t size, int file);
/* discards: closes what the image has opened, and forgets destructors that the thread of calls has pending. */
int space_unmap(uint64_t address, uint64_t size, bool discards, struct space_reply *reply);
int space_read(uint64_t address, uint64_t size, void *bytes);
int space_write(uint64_t address, uint64_t size, const void *bytes);
/* Whether an address lies in code of an image that is mapped from a file, and cannot be written. From any thread. */
bool space_is_code_of_file(uint64_t address);
/* True when all pages of a range belong to images and have all bits of `protection`. */
bool space_is_mapped(uint64_t address, uint64_t size, uint32_t protection);
/* The lowest address of the image that an address lies in, or 0. Asynchronous-signal-safe, and from any thread. */
uint64_t space_image_at(uint64_t address);
/*
 * Where an image keeps the address of its registered .eh_frame: 0 when it has none. `image` is the image's
 * lowest address.
 */
uint64_t *space_image_frames(uint64_t image);
/*
 * Where an image keeps how many destructors of thread-local variables it has pending in all threads. From any
 * thread.
 */
_Atomic uint32_t *space_image_destructors(uint64_t image);
/* Where an image keeps the number of its record, from 1; 0: it has none. From any thread. */
_Atomic uint32_t *space_image_record(uint64_t image);
/* Where an image keeps how often it has given functions to atexit(3) and its like. From any thread. */
_Atomic uint32_t *space_image_exit_functions(uint64_t image);
/* Where an image keeps its debug objects; NULL when it has none. */
struct space_debug_header **space_image_objects(uint64_t image);
/* Copies memory of images that is readable, of any size. Returns 0 or EFAULT. */
int space_copy_image(uint64_t address, uint64_t size, void *bytes);

/* ---- calls.c ---- */

enum space_worker_state {
    SPACE_WORKER_NEW,       /* not running yet */
    SPACE_WORKER_IDLE,      /* waits for a call; the last one has returned */
    SPACE_WORKER_RUNNING,   /* in a call */
    SPACE_WORKER_ENDING,    /* the call ended its thread, which now runs its destructors */
    SPACE_WORKER_STOPPED,   /* a fault or the deadline ended the call; stands in the signal handler */
    SPACE_WORKER_RELEASED,  /* may leave the signal handler, for the end */
    SPACE_WORKER_LEFT,      /* did not heed the deadline; ends when it comes back */
    SPACE_WORKER_DISMISSED, /* waits for no more calls: ends */
};

/*
 * A thread that runs calls, in one mapping with its two stacks:
 *
 *     | struct space_worker | guard | signal stack | guard | stack            |
 *     ^ memory                                             ^ fault.stack_start ^ fault.stack_end
 */
struct space_worker {
    /* enum space_worker_state, and a futex: whoever changes it wakes the other side. */
    _Atomic uint32_t state;
    /* Counts the calls, so that a deadline's signal that comes late does not stop the next one. */
    _Atomic uint32_t call;
    pthread_t thread;
    pid_t number;
    bool joined;
    /* Something has been written over the state, which left the thread to itself. */
    bool is_damaged;
    /* SPACE_FAULT_DEADLINE or SPACE_FAULT_INTERRUPT: why the call is to end now. */
    uint32_t reason;
    /* The call: what to do, which element is under way, and what came of it. */
    struct space_request request;
    volatile uint32_t index;
    int status;
    int64_t result;
    uint64_t results[SPACE_ADDRESS_LIMIT];
    /* Filled in by the signal handler; the bounds of the stack are there from the start. */
    struct space_fault fault;
    /* Its thread's list; NULL until it runs. */
    struct space_destructor *const *destructors;
    void *memory;
    void *signal_stack;
    struct space_worker *next_left;
};

/* Runs a request that calls functions. Returns the reply's status, and fills in the rest of the reply. */
int space_call(struct space_lane *lane, const struct space_request *request, struct space_reply *reply);

/* ---- workers.c ---- */

/* What the thread of a worker begins with. */
void *space_work(void *worker);
void space_set_worker_state(struct space_worker *it, uint32_t state);
/* Gives a lane a worker. Returns 0 or EAGAIN. */
int space_start_worker(struct space_lane *lane);
/* Frees what belongs to a thread that has ended, or is about to. */
void space_bury_worker(struct space_worker *it);
/* Keeps a worker that has not heeded its deadline until it ends. */
void space_leave_worker(struct space_worker *it);
/* Frees those that have ended since. */
void space_bury_returned(void);
/* Ends the thread that was stopped last, if there is one. */
void space_release(struct space_lane *lane);
/* Ends both threads of a lane, which is in no call. */
void space_dismiss(struct space_lane *lane);
/*
 * How many destructors of an image are pending in threads that no call of the daemon's will end, and how often it has given functions
 * to atexit(3). Returns the reply's status.
 */
int space_pending(uint64_t image, struct space_reply *reply);
/* The worker that a thread is, which is on glibc's list; or NULL. */
struct space_worker *space_worker_of(pthread_t thread);
/* The worker that the calling thread is, or NULL. Asynchronous-signal-safe. */
struct space_worker *space_own_worker(void);
/* Where the code lies, or the array of functions, that a request has called. */
uint64_t space_place_of(const struct space_request *request, uint32_t index);
/*
 * Where the calling thread's work for a module lies in the module's image: the function, or the array of functions, that it was
 * given to call, or began with. 0 when there is none. Asynchronous-signal-safe.
 */
uint64_t space_current_place(void);
/* The image that has that place, or 0. */
uint64_t space_current_image(void);
/*
 * Waits until a futex has another value than `value`, or a signal came, or `wait` (NULL: for ever) has passed.
 * Asynchronous-signal-safe.
 */
void space_futex_wait(_Atomic uint32_t *futex, uint32_t value, const struct timespec *wait);
void space_futex_wake(_Atomic uint32_t *futex);
/* Ends the calling thread at once: no destructors, no locks. pthread_join notices. */
_Noreturn void space_leave_thread(void);

/* ---- faults.c ---- */

/*
 * Bytes of the stack on which a thread handles its signals: the largest frame (AVX-512 and AMX: 11 KiB), and the handlers,
 * those of modules too. Where there is little room for addresses it is smaller.
 */
#if UINTPTR_MAX > UINT32_MAX
#define SPACE_SIGNAL_STACK_SIZE (256u << 10)
#else
#define SPACE_SIGNAL_STACK_SIZE (64u << 10)
#endif

/* The calling thread has called exit(3) or the like. Returns only where that is to end the process. */
void space_exit_called(int status);
/* The calling thread has called execve(2) or the like. Returns only where that is to replace the process: in a child. */
void space_execute_called(void);

/* ---- signals.c ---- */

/* Has the kernel call the space's handler for all signals. Once, before any thread is made. */
void space_install_signals(void);
/* The same again for the signals of faults: a module may have changed them by system calls of its own. */
void space_install_faults(void);
/* An image goes: so do its handlers. */
void space_forget_signals(uint64_t image);
/* The calling thread has no stack that a module asked for by sigaltstack(2). */
void space_forget_asked_stack(void);

/* ---- state.c ---- */

/* What the thread of a worker begins with is what each of its calls begins with. It takes no signals between calls. */
void space_prepare_calls(void);
void space_begin_call(void);
void space_end_call(void);
/* What of the process a module may change: as it is now. Before any module comes. */
void space_prepare_state(void);
/* A call for an image is over: notes what it has changed of the process. */
void space_note_state(uint64_t image);
/* An image goes: what it has changed of the process is as before. Returns the parts, 1 << enum space_state of each. */
uint32_t space_restore_state(uint64_t image);

/* ---- kept.c ---- */

/* An image goes: the C library keeps nothing of it. */
void space_forget_kept(uint64_t image);

/* ---- limits.c ---- */

/* Raises the limit of open files where it leaves no room for what comes with a request. Returns whether it has. */
bool space_leave_descriptors(void);

/* ---- senders.c ---- */

/* An image goes: so do its timers. */
void space_forget_senders(uint64_t image);

/* ---- halted.c ---- */

/* Before any thread is made. */
void space_prepare_halting(void);
/* What the initial thread does for ever: takes releases. */
_Noreturn void space_keep(void);
/*
 * Tells the daemon of a fault of the calling thread, with a reply of that kind, and stands still until it is released, or
 * until so many seconds have passed (0: for ever). On the initial thread, as on all. Asynchronous-signal-safe.
 */
void space_halt(uint32_t kind, struct space_fault *fault, int seconds);
/* Ends the calling thread, which has been released; the initial thread goes on with space_keep. */
_Noreturn void space_abandon_thread(void);
/* A thread that has begun: gives it a stack to handle signals on, unless it is the space's own. */
void space_equip_thread(void);
/* What the calling thread began with; 0 for the initial thread. Asynchronous-signal-safe. */
uint64_t space_start_routine(void);
/* Frees what belongs to a thread that has ended by the system call alone. On the server's thread. */
void space_bury_ended(pthread_t thread);
/* An image goes: so does what is left of the threads that began in it. On the server's thread. */
void space_bury_threads(uint64_t image);

/* ---- ending.c ---- */

/* Says which threads there are. Returns the reply's status. */
int space_list_threads(const struct space_request *request, struct space_reply *reply);
/* Ends a thread. Returns the reply's status. */
int space_end_thread(const struct space_request *request);
/* What a thread of glibc's list is for (enum space_thread_kind); the list is locked. */
uint32_t space_thread_kind(pthread_t thread);
/* Whether a signal of the deadline's number is to end the calling thread: see space_end_thread. Asynchronous-signal-safe. */
bool space_is_to_end(const siginfo_t *info);

/* ---- locks.c ---- */

/* Copies memory of this process that may not be there, and returns how many bytes of it are. */
size_t space_peek(const void *from, void *to, size_t size);

/* A lock of the C library. */
struct space_lock {
    _Atomic uint32_t *word;
    /* Held for some instructions only: nothing waits while it is. */
    bool is_short;
    /* Protects a heap of malloc's. */
    bool is_heap;
};

/* Made by Scripts/build-space; the last one has no word. */
extern const struct space_lock space_locks[];

/* Releases what a thread has left taken that stands still for its end, or has ended; its descriptor is still there. */
void space_release_locks(pthread_t thread);

/* ---- opened.c ---- */

/* Says which descriptors an image has opened that are open. Closes them, too, if `closes`. Returns how many there are. */
int space_descriptors(uint64_t image, bool closes, struct space_reply *reply);
/* Those that an image has opened are nobody's any more. */
void space_forget_descriptors(uint64_t image);

/* ---- machine.c ---- */

/* Fills in the pointers and the registers from a signal handler's third argument. Asynchronous-signal-safe. */
void space_read_registers(const void *context, struct space_fault *fault);
/* From the same: the address of the breakpoint that the thread has trapped at; and makes it go on there. */
uint64_t space_trap_address(const void *context);
void space_go_on_at(void *context, uint64_t address);

/* ---- descriptors.c ---- */

/* Whether the descriptor is one of the space's own. Asynchronous-signal-safe. */
bool space_is_own_descriptor(int number);
/* A copy of a descriptor, close-on-exec, that is the space's own. Returns its number, or -1 with errno. */
int space_own_descriptor(int number);
/* Closes one of those; and all, in a child that a module forked. */
void space_close_own(int number);
void space_close_all_own(void);
/* Whether one more can be opened. */
bool space_has_descriptors(void);
/* Notes what standard input, output and error are; and gives them back when a module has changed them, and tells. */
void space_keep_standard(void);
void space_restore_standard(void);

/* ---- streams.c ---- */

void space_prepare_streams(void);
/* Flushes stdout and stderr, but for one that another thread has locked, and gives them the space's buffers again. */
void space_flush_streams(void);
/* An image goes: so does a buffer that it has given to stdin. */
void space_forget_buffer(uint64_t image);
/* Unlocks what a stopped thread had locked: a fault inside printf is the usual one. */
void space_unlock_streams(pthread_t stopped);

/* ---- frames.c ---- */

/*
 * Registers or takes back an image's .eh_frame. On a worker: the section may be anything. Returns the reply's
 * status.
 */
int space_frames(const struct space_request *request);

/* ---- threads.c ---- */

/*
 * Whether glibc has that thread on its list: its descriptor is there to be looked at, until it ends by itself or is joined.
 * False also when the list is locked for long.
 */
bool space_is_known_thread(pthread_t thread);
/*
 * Has each thread of that list looked at, the list being locked: none of them is freed meanwhile. Returns false when it is
 * locked for long.
 */
bool space_each_thread(void (*look)(pthread_t thread, void *argument), void *argument);
/* From the thread pointer to the reserve's lowest byte, in bytes: the same in each thread. */
int64_t space_reserve_offset(void);
/* Gives a range of the reserve its first values, in all threads. Returns the reply's status. */
int space_fill_threads(const struct space_request *request);

/* Gives all threads stacks on which code can run, those that are there and those to come. Returns 0 or errno. */
int space_make_stacks_executable(void);
/* Lets a thread with a stack of the space's own have what the others have. */
void space_equip_stack(void *start, size_t size);

/* ---- destructors.c ---- */

struct space_destructor;
/* The calling thread's list. */
struct space_destructor *const *space_own_destructors(void);
/* How many destructors of an image a worker's thread has pending. It is in no call. */
uint32_t space_own_pending(const struct space_worker *it, uint64_t image);
/* Runs the destructors of an image (0: of all) that are pending in the calling thread. Returns the reply's status. */
int space_finish_thread(uint64_t image);
/* The list of another thread, whose memory is there. */
struct space_destructor *const *space_destructors_of(pthread_t thread);
/* Forgets those of an image that a worker's thread has pending. It is in no call. */
void space_discard_destructors(const struct space_worker *it, uint64_t image);
/* A thread goes without having run the destructors of its list: nobody waits for them. */
void space_forget_destructors(struct space_destructor *const *list);

/* ---- holds.c ---- */

/* The longest name of a module, with the zero byte that ends it: MOD_MAX_NAME of modules(2). */
#define MODLINK_NAME_SIZE 64
/* Gives a module a name to be held by. Returns the reply's status. */
int space_introduce(const struct space_request *request);

/* ---- tables.c ---- */

/* Takes out of all tables what an image has put there, which is about to go. */
void space_forget(uint64_t image);

/* ---- devices.c ---- */

/* Says what is in a slot of a table. Returns the reply's status. */
int space_find_entry(const struct space_request *request, struct space_reply *reply);
/* Calls the function of a device, which may be left running. Returns the reply's status. */
int space_use_device(
    struct space_lane *lane, const struct space_request *request, int file, struct space_reply *reply);
/* On a worker: calls the function, and returns what it returns. */
int space_enter_system_call(const struct space_request *request, uint64_t *values);
int space_enter_device(const struct space_request *request, uint64_t *moved);

/* ---- debugger.c ---- */

/* Registers the debug objects of an image, and says where they are. Returns the reply's status. */
int space_register(uint64_t image, int file, int64_t *address);
/* Takes back what an image has registered, which is about to go. */
void space_unregister(uint64_t image);
/* Whether a breakpoint stands there, in readable memory. Asynchronous-signal-safe, as those below. */
bool space_has_breakpoint(uint64_t address);
/* Makes the page of code, of a file, again what the file says. */
void space_drop_breakpoint(uint64_t address);
/*
 * A thread has trapped at an address. Whether that was a breakpoint that a debugger has left behind, as one does that is killed; then
 * it is gone, and the thread can go on there.
 */
bool space_survives_breakpoint(uint64_t address);
/* Whether a debugger, or strace(1), holds a thread: no time that passes then is the modules'. */
bool space_is_traced(void);

#endif
