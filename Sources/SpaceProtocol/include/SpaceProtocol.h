/*
 * The protocol between the daemon and a space.
 *
 * A space is a process that linked modules live and run in. It is started with one end of a Unix socket pair of
 * type SOCK_SEQPACKET as its descriptor 3, one of another such pair as its descriptor 4, a console (where it prints)
 * as its descriptors 1 and 2, and /dev/null as 0. It moves the sockets to other numbers at once, out of the way of modules.
 *
 *     daemon                                   space
 *        <-------- space_reply, SPACE_HELLO ------     once, when the window is reserved
 *        --------- space_request, sequence n ----->
 *        <-------- space_reply,   sequence n ------    one reply a request, in the order of the requests
 *        --------- SPACE_INTERRUPT, no reply ------>   while a request that calls functions is under way
 *        <-------- space_reply, SPACE_DIED --------    at any time, once: the space is about to be killed
 *
 * the same, in its own numbers, over more sockets for devices (SPACE_CONNECT); and over the other socket, whatever goes on over the first:
 *
 *        <-------- space_reply, SPACE_DIED --------    the same; it waits for a release, some seconds at most
 *        <-------- space_reply, SPACE_THREAD_FAULTED   at any time: a thread that is in no call stands still
 *        <-------- space_reply, SPACE_SIGNAL_IGNORED   at any time
 *        --------- space_release ----------------->    once for each of these: the thread ends
 *
 * Every packet is one whole structure, in the byte order of the machine, every field of fixed width, and fields
 * that a request or a reply does not name are zero. Descriptors travel by SCM_RIGHTS with the request that they
 * belong to, and are the space's from then on. When the daemon's end is closed the space ends, with status
 * SPACE_EXIT_UNCONNECTED.
 *
 * What a module prints goes into the console's pipe before the reply does, so the console is to be read while
 * waiting for a reply: a space whose console is full waits.
 */
#ifndef SPACE_PROTOCOL_H
#define SPACE_PROTOCOL_H

#include <errno.h>
#include <stdint.h>

/* space_reply.version. Raised by whatever changes the meaning or the layout of a packet. */
#define SPACE_PROTOCOL_VERSION 7
/* The descriptor at which a space finds its socket. */
#define SPACE_DESCRIPTOR 3
/* The descriptor at which it finds the socket for what happens by itself. */
#define SPACE_EVENT_DESCRIPTOR 4
/* With which status a space ends when its connection has ended, though nobody has asked it to (EX_UNAVAILABLE of sysexits.h). */
#define SPACE_EXIT_UNCONNECTED 69
/* The most segments that one image has. */
#define SPACE_SEGMENT_LIMIT 8
/* The most words that one function is given: what registers hold on machines that pass them there. */
#define SPACE_ARGUMENT_LIMIT 4
/* The most addresses in one SPACE_RESOLVE. */
#define SPACE_ADDRESS_LIMIT 16
/* The most bytes in one SPACE_READ or SPACE_WRITE. */
#define SPACE_BYTE_LIMIT 128
/* The most words that a system call is given: as many as BSD kernels take (SYS_MAXARGS). */
#define SPACE_CALL_LIMIT 8
/* The most bytes that one operation on a device moves: a multiple of every machine's page size. */
#define SPACE_TRANSFER_LIMIT 65536
/* The greatest minor number of a device: 20 bits, as in BSD kernels. */
#define SPACE_MINOR_LIMIT 0xfffff
/* Room for registers in a space_fault. */
#define SPACE_REGISTER_LIMIT 40
/* What space_fault.index says when the call was not one of many. */
#define SPACE_NO_INDEX UINT32_MAX

/* space_request.kind. Behind each: the fields that it reads, what it does, and the statuses it answers with. */
enum space_request_kind {
    /*
     * segments, count (1 to SPACE_SEGMENT_LIMIT); one or two descriptors: a regular file that is open for reading, and
     * a file as for SPACE_REGISTER. Maps an image: its segments appear all, or none. See struct space_segment for what
     * each must hold to. With a second descriptor, does what SPACE_REGISTER does for the image, and answers with it.
     * EINVAL (the message breaks a rule), EEXIST (a segment lies on pages that are taken), EBADF (no descriptor),
     * and what mmap(2) answers: EPERM for code from a file system that is mounted noexec, ENOMEM, EACCES.
     */
    SPACE_MAP = 1,
    /*
     * address, size, flags: lowest address of an image, and the distance from there to the end of its last page. Gives
     * the image's pages back to the reservation. result: how many descriptors are open that its code has opened, results:
     * the first of them, as for SPACE_DESCRIPTORS; bytes[0]: what its calls had changed of the process, and is as before
     * now: 1 << enum space_state of each part. With SPACE_DISCARD the descriptors are closed, and destructors that the thread
     * of calls has pending are forgotten. EINVAL (no image is just there), EBUSY (its frames are registered, or
     * destructors of its thread-local variables are pending).
     */
    SPACE_UNMAP = 2,
    /*
     * address, arguments, timeout. Calls the function with four words; result is the word that it returns, with
     * its sign. Where words have 32 bits, those are the lower ones of each argument. A SPACE_FAULTED reply, or what
     * enum space_status says; EFAULT (the address has more bits than a pointer), EAGAIN (no thread to be had).
     */
    SPACE_CALL = 3,
    /*
     * address, count, flags, timeout. Calls each function of an array of addresses: void (*)(void), from the
     * first to the last, or from the last to the first with SPACE_REVERSE. result is the number of functions
     * that returned. The array must lie in readable pages of images: EFAULT. Else as SPACE_CALL; fault.index
     * names the array's element.
     */
    SPACE_CALL_ARRAY = 4,
    /*
     * addresses, count (0 to SPACE_ADDRESS_LIMIT), timeout. Calls IFUNC resolvers (STT_GNU_IFUNC, of a module
     * or of the space itself); results[i] is what resolver i returned. EINVAL (count); else as
     * SPACE_CALL_ARRAY.
     */
    SPACE_RESOLVE = 5,
    /*
     * address, size (0 to SPACE_BYTE_LIMIT). Copies memory of images into bytes. EINVAL (size), EFAULT (not all
     * of it is mapped and readable).
     */
    SPACE_READ = 6,
    /*
     * address, size (0 to SPACE_BYTE_LIMIT), bytes. Copies bytes into memory of images. EINVAL (size), EFAULT
     * (not all of it is mapped and writable; nothing has been written then, unless a module has unmapped memory
     * by itself).
     */
    SPACE_WRITE = 7,
    /*
     * address: the lowest one of an image; one descriptor: a regular file, of struct space_debug_header, as many struct
     * space_debug_object, and the objects that these describe: ELF files whose sh_addr are where the image has their
     * sections. Maps it, such that it is part of core files, and registers the objects with the GDB JIT interface, until
     * the image is unmapped, in place of those that it had. result: where the file has been mapped. EINVAL (no image is
     * just there, no such file), EBADF, ENOMEM.
     */
    SPACE_REGISTER = 8,
    /*
     * address, size, flags, timeout. Tells the unwinder of an image's .eh_frame section (the records, the
     * terminator of four zero bytes that ends them, and nothing after it but zeros), or takes it back with
     * SPACE_REVERSE. EFAULT (not in readable pages of images), EINVAL (no such list of records), EEXIST (the
     * image has registered one), ENOENT (another or none is registered). Else as SPACE_CALL.
     */
    SPACE_FRAMES = 10,
    /*
     * Ends the thread that the last fault or deadline stopped, if there is one. Until then, and at the latest
     * until the next request that calls functions, that thread stands where it was stopped, so that its stack
     * can be read. Always 0.
     */
    SPACE_RELEASE = 11,
    /* Flushes, answers, and ends the process with status 0. Functions given to atexit(3) are not called. */
    SPACE_EXIT = 12,
    /*
     * address: the sequence number of a request that calls functions, and is not answered yet. Ends it as its deadline would, within
     * a quarter of a second. Has no reply, and no effect when that request is done.
     */
    SPACE_INTERRUPT = 13,
    /*
     * address, size, arguments: where the first values of a module's thread-local variables lie in memory of images
     * and how many bytes they are; then, in arguments[0] and [1], where in the reserve the module's range begins and
     * how many bytes it has. In every thread, those that are there and those to come, the range holds the values and
     * zeros behind them. With size 0, zeros: that is how a range is given back. EINVAL (the range is not in the
     * reserve, or too small), EFAULT (the values are not in readable pages of images), EDEADLK (a stopped thread has
     * the lock of the C library's list of threads; only threads to come have changed back then).
     */
    SPACE_FILL_THREADS = 14,
    /*
     * address: the lowest one of an image. result: how many destructors of thread-local variables (C++ thread_local)
     * the image has pending in threads that modules made; results[0]: how often it has given functions to atexit(3) and its like. EINVAL
     * (no image is just there).
     */
    SPACE_PENDING = 15,
    /*
     * address, timeout: as SPACE_PENDING, or 0 for all images. Runs the destructors that the image has pending in the thread
     * that the calls of this connection are made on. EINVAL; else as SPACE_CALL.
     */
    SPACE_FINISH_THREAD = 16,
    /*
     * address, size: a multiple of the page size, inside the window; at least 1. Maps a flat image: zeros that may be
     * read, written and executed, the one mapping that allows both. It is for what create_module of modules(2) gives,
     * where code and data stand side by side. EINVAL, EEXIST (a page is taken), ENOMEM.
     */
    SPACE_MAP_FLAT = 17,
    /*
     * address, size; one descriptor: a regular file that is open for reading and has that many bytes. Copies them into
     * memory of images. EINVAL (the file), EBADF (no descriptor), EFAULT (not all of it is mapped and writable), EIO (the
     * file shrank: a part has been copied).
     */
    SPACE_FILL = 18,
    /*
     * address, size, bytes, arguments: the lowest address of an image; a name of its module and how many bytes that has, 1 to 63,
     * none of them zero; in arguments[0], where the module's use count is, a long in memory of the image that is writable and
     * properly aligned. From now on, until the image is unmapped, module_hold(name) and module_rele(name) count there. A module may
     * have several names. EINVAL (no image is just there, no such name), EFAULT (no such place), ENOMEM.
     */
    SPACE_INTRODUCE = 19,
    /*
     * count (enum space_table), address, flags. What is in a slot of a table that modules register in; with SPACE_OF_IMAGE, address is the
     * lowest one of an image, and the slot is the first that has an entry in it. result is the slot, results[0] the entry's address:
     * of a system call its function, of a device its struct bdevsw or cdevsw. EINVAL (no such table, no such slot), ENOENT (nothing
     * is there).
     */
    SPACE_FIND_ENTRY = 20,
    /*
     * address: a slot of the table of system calls; addresses, count (0 to SPACE_CALL_LIMIT): the arguments; timeout. result is what its
     * function returns, 0 or an errno number, ENOSYS where there is no such slot; results[0] and [1] are the two words of its
     * result. EINVAL (count); else as SPACE_CALL.
     */
    SPACE_SYSTEM_CALL = 21,
    /*
     * count (SPACE_BLOCK_DEVICES or SPACE_CHARACTER_DEVICES), address: the major number; addresses[0]: the entry that is to be there;
     * addresses[2]: a number for the opening, which no other one ever has, not 0;
     * arguments: enum space_device_operation, the minor number, the flags, and the command of an ioctl or where in the device a read or
     * a write begins; size (0 to SPACE_TRANSFER_LIMIT); timeout; one descriptor: a regular file that is open for reading and writing,
     * whose first size bytes the operation is given (write, ioctl) or gives (read, ioctl). result is what the device's function
     * returns, 0 or an errno number, ENODEV where it has none, ENXIO where the entry is not there any more; results[0] is how many
     * bytes a read or a write has moved, or what an ioctl returns to its caller, with its sign. EINVAL (the message breaks a rule), EIO (the file is not as long), ENOMEM; else as
     * SPACE_CALL.
     */
    SPACE_DEVICE = 22,
    /*
     * One descriptor: a socket as that of descriptor 3. SPACE_DEVICE, SPACE_FINISH_THREAD, SPACE_RELEASE and SPACE_INTERRUPT that come
     * over it are served at the same time as what comes over others, and its calls are made on a thread of its own. When the daemon
     * closes its end, what is being called for it is ended as by SPACE_INTERRUPT, and so is that thread. ENOMEM, EMFILE, EAGAIN (no
     * thread to be had).
     */
    SPACE_CONNECT = 23,
    /*
     * address: a number of a thread, 0 for none. result is how many threads follow, SPACE_THREAD_LIMIT at most: those that the C
     * library knows and whose numbers are greater, in ascending order. Of each, three of results: its number and, above the lower 32
     * bits, enum space_thread_kind; the function that it began with; the address of its descriptor, where its stack ends. The
     * initial thread is not among them. EDEADLK (a stopped thread has the lock of the C library's list of threads).
     */
    SPACE_THREADS = 24,
    /*
     * address: the number of a thread of the kinds SPACE_THREAD_OTHER and SPACE_THREAD_CALLED. Ends it, where it is: no destructors, no
     * locks. Answers when it has gone. EINVAL (of another kind), ESRCH (no such thread), EDEADLK (as for SPACE_THREADS), EBUSY (it
     * does not heed within a second).
     */
    SPACE_END_THREAD = 25,
    /*
     * address: the lowest one of an image. result: how many descriptors are open that the image's code has opened; results: the numbers of
     * the first SPACE_ADDRESS_LIMIT of them, ascending. EINVAL (no image is just there).
     */
    SPACE_DESCRIPTORS = 26,
};

/* The most threads in one answer to SPACE_THREADS. */
#define SPACE_THREAD_LIMIT 5

/* What a thread is for. */
enum space_thread_kind {
    /* A module has made it. */
    SPACE_THREAD_OTHER = 0,
    /* Serves a connection of the daemon's. */
    SPACE_THREAD_SERVER = 1,
    /* Waits for calls, or stands where a fault or a deadline has stopped it: no more code of a module's runs on it. */
    SPACE_THREAD_RESTS = 2,
    /* Runs a call, or one that did not heed its deadline. */
    SPACE_THREAD_CALLED = 3,
};

/* Tables that modules register in. */
enum space_table {
    SPACE_SYSTEM_CALLS = 1,
    SPACE_BLOCK_DEVICES = 2,
    SPACE_CHARACTER_DEVICES = 3,
};

/* What can be done with a device: d_open and its like. */
enum space_device_operation {
    SPACE_DEVICE_OPEN = 1,
    SPACE_DEVICE_CLOSE = 2,
    SPACE_DEVICE_READ = 3,
    SPACE_DEVICE_WRITE = 4,
    SPACE_DEVICE_IOCTL = 5,
    /* An ioctl whose argument is a number: 8 bytes, of which nothing comes back. */
    SPACE_DEVICE_IOCTL_VALUE = 6,
};

/* space_reply.kind. */
enum space_reply_kind {
    /*
     * The space is ready: version, process, window_start, window_end, page_size, reserve_offset, reserve_size,
     * reserve_alignment.
     */
    SPACE_HELLO = 1,
    /* status, and what the request describes. */
    SPACE_REPLY = 2,
    /*
     * status is EFAULT: the function raised a signal that would have killed the process. fault says where. The
     * space goes on.
     */
    SPACE_FAULTED = 3,
    /*
     * Not in answer to a request: a thread of the space's own raised such a signal. The process is killed by it.
     */
    SPACE_DIED = 4,
    /*
     * Not in answer to a request: a thread that is in no call, of a module, raised such a signal or called exit. It stands
     * still until it is released, and then it ends. The space goes on.
     */
    SPACE_THREAD_FAULTED = 5,
    /*
     * Not in answer to a request: a signal came to the process that no module handles, and that no module is known to have asked
     * for. fault.signal and fault.code say which; process is the process that sent it, 0 when it was this one or the kernel. Nobody
     * waits for a release.
     */
    SPACE_SIGNAL_IGNORED = 6,
};

/* Parts of a process that modules may change. */
enum space_state {
    SPACE_STATE_DIRECTORY = 0,
    SPACE_STATE_MASK = 1,
    SPACE_STATE_LIMITS = 2,
    SPACE_STATE_ENVIRONMENT = 3,
    SPACE_STATE_LOCALE = 4,
    SPACE_STATE_PARTS = 5,
};

/*
 * space_reply.status: 0, or a number of errno(3), as described with each request. These come in a SPACE_REPLY to any
 * request that calls functions.
 */
enum space_status {
    /*
     * The deadline passed, or the call was interrupted: fault.kind. The thread is stopped, and fault says where. If fault.thread is 0, the thread
     * stays in a system call that no signal ends (vfork(2), a file system that hangs): it is left, outside of any call.
     */
    SPACE_TIMED_OUT = ETIMEDOUT,
    /* The function ended its thread (pthread_exit), and the destructors of that thread have run. */
    SPACE_THREAD_ENDED = ECANCELED,
    /* A module has written over what the space notes of the function's thread. The thread is left to itself. */
    SPACE_DAMAGED = EUCLEAN,
};

/* space_fault.kind: what stopped the thread. */
enum space_fault_kind {
    /* A signal for which the kernel would kill the process. */
    SPACE_FAULT_SIGNAL = 0,
    /* The deadline of its call. */
    SPACE_FAULT_DEADLINE = 1,
    /* A SPACE_INTERRUPT. */
    SPACE_FAULT_INTERRUPT = 2,
    /* It called exit(3), _exit(2) or quick_exit(3): code is the status. */
    SPACE_FAULT_EXIT = 3,
    /* It called execve(2) or the like: another program would take the place of the space. */
    SPACE_FAULT_EXECUTE = 4,
};

/* space_request.flags. */
enum space_flags {
    /* SPACE_CALL_ARRAY: from the last element to the first. SPACE_FRAMES: take back. */
    SPACE_REVERSE = 1,
    /* SPACE_FIND_ENTRY: address is that of an image, not a slot. */
    SPACE_OF_IMAGE = 2,
    /* SPACE_UNMAP: nothing that the image has left is kept. */
    SPACE_DISCARD = 4,
};

/* space_segment.protection: the bits of ELF's p_flags. */
enum space_protection {
    SPACE_EXECUTABLE = 1,
    SPACE_WRITABLE = 2,
    SPACE_READABLE = 4,
};

/*
 * Indexes of space_fault.registers when the space is an x86-64 one: the numbers of the psABI (figure 3.36),
 * then two more.
 */
enum space_x86_64_register {
    SPACE_X86_64_RAX = 0,
    SPACE_X86_64_RDX = 1,
    SPACE_X86_64_RCX = 2,
    SPACE_X86_64_RBX = 3,
    SPACE_X86_64_RSI = 4,
    SPACE_X86_64_RDI = 5,
    SPACE_X86_64_RBP = 6,
    SPACE_X86_64_RSP = 7,
    SPACE_X86_64_R8 = 8,
    SPACE_X86_64_R9 = 9,
    SPACE_X86_64_R10 = 10,
    SPACE_X86_64_R11 = 11,
    SPACE_X86_64_R12 = 12,
    SPACE_X86_64_R13 = 13,
    SPACE_X86_64_R14 = 14,
    SPACE_X86_64_R15 = 15,
    SPACE_X86_64_RIP = 16,
    SPACE_X86_64_RFLAGS = 17,
    SPACE_X86_64_FS_BASE = 18,
    SPACE_X86_64_REGISTERS = 19,
};

/*
 * The same for an i386 one: the numbers of its psABI (table 2.14), of which 8 is the return address, then two more. The upper
 * halves are zero.
 */
enum space_i386_register {
    SPACE_I386_EAX = 0,
    SPACE_I386_ECX = 1,
    SPACE_I386_EDX = 2,
    SPACE_I386_EBX = 3,
    SPACE_I386_ESP = 4,
    SPACE_I386_EBP = 5,
    SPACE_I386_ESI = 6,
    SPACE_I386_EDI = 7,
    SPACE_I386_EIP = 8,
    SPACE_I386_EFLAGS = 9,
    SPACE_I386_GS_BASE = 10,
    SPACE_I386_REGISTERS = 11,
};

/* One segment of an image: pages with one protection. Part of a SPACE_MAP. */
struct space_segment {
    /* Where it begins: a multiple of the page size, inside the window. */
    uint64_t address;
    /* Where its bytes begin in the file: a multiple of the page size. */
    uint64_t file_offset;
    /* How many bytes the file gives; all of them must be there. 0 is a segment of zeros. */
    uint64_t file_size;
    /*
     * How many bytes there are in memory: at least 1, at least file_size, and above file_size in a writable
     * segment only; the rest is zero. Its last page belongs to the segment as a whole.
     */
    uint64_t memory_size;
    /* enum space_protection: one of them at least, and never writable together with executable. */
    uint32_t protection;
    /* Zero. */
    uint32_t reserved;
};
_Static_assert(sizeof(struct space_segment) == 40, "a segment is 40 bytes on every machine");

/* What a file of debug objects begins with. */
struct space_debug_header {
    /* How many objects: 1 at least. */
    uint64_t count;
    /* Zero. The space keeps its own there. */
    uint64_t reserved;
};
_Static_assert(sizeof(struct space_debug_header) == 16, "a header of debug objects is 16 bytes on every machine");

/* An object in a file of debug objects. */
struct space_debug_object {
    /* Where it begins, in bytes from the start of the file, and how many bytes it has: 1 at least. */
    uint64_t offset;
    uint64_t size;
    /* Zero. The space keeps its own there. */
    uint64_t reserved[4];
};
_Static_assert(sizeof(struct space_debug_object) == 48, "a debug object's entry is 48 bytes on every machine");

/* What the daemon sends. */
struct space_request {
    /* enum space_request_kind. */
    uint32_t kind;
    /* The daemon's number of this request; its reply carries the same. */
    uint32_t sequence;
    /* An address in the space. */
    uint64_t address;
    /* Bytes at address. */
    uint64_t size;
    /* What a called function is given, first argument first. */
    uint64_t arguments[SPACE_ARGUMENT_LIMIT];
    /* Elements of segments, of addresses, or of the array at address; or a table. */
    uint32_t count;
    /* enum space_flags. */
    uint32_t flags;
    /*
     * How long all functions of this request may run, together; 0: as long as they want. The time in which a debugger looks
     * at the space does not count.
     */
    uint32_t timeout_milliseconds;
    /* Zero. */
    uint32_t reserved;
    /* The image's segments, in any order. */
    struct space_segment segments[SPACE_SEGMENT_LIMIT];
    /* Of functions; or the words that a system call is given. */
    uint64_t addresses[SPACE_ADDRESS_LIMIT];
    /* What is to be written. */
    uint8_t bytes[SPACE_BYTE_LIMIT];
};
_Static_assert(sizeof(struct space_request) == 648, "a request is 648 bytes on every machine");

/* Where a thread was when a signal stopped it. */
struct space_fault {
    /* The signal's number, as the space's machine numbers it; 0 when it was none. */
    uint32_t signal;
    /* si_code of sigaction(2): SEGV_MAPERR and its like; of an exit the status. */
    int32_t code;
    /*
     * si_addr of sigaction(2): the address that was touched, or the instruction's. 0 for SIGABRT and signals
     * that were sent.
     */
    uint64_t address;
    /* Instruction pointer, stack pointer and frame pointer. */
    uint64_t instruction_pointer;
    uint64_t stack_pointer;
    uint64_t frame_pointer;
    /* The stack of the called thread, lowest address and end. 0 and 0 for a thread that a module made. */
    uint64_t stack_start;
    uint64_t stack_end;
    /* General registers, in the machine's own order: enum space_x86_64_register, enum space_i386_register. */
    uint64_t registers[SPACE_REGISTER_LIMIT];
    /* How many of them are filled in. */
    uint32_t register_count;
    /* Which element of an array was being called, or SPACE_NO_INDEX. */
    uint32_t index;
    /* The thread's number (gettid(2)). 0 in a reply without a fault. */
    uint32_t thread;
    /* enum space_fault_kind. */
    uint32_t kind;
    /*
     * Where the handler's stack has the registers of the floating-point unit, as the kernel puts them there for the machine
     * (struct _fpstate of sigcontext.h); 0 when they are still in the thread.
     */
    uint64_t floating_state;
    /*
     * The function that a thread which is in no call began with; of the initial thread, where the module that asked for the signal
     * did so, or 0; and 0 in a call.
     */
    uint64_t start_routine;
};
_Static_assert(sizeof(struct space_fault) == 408, "a fault is 408 bytes on every machine");

/* What the daemon sends over the socket for what happens by itself: a thread need not stand still any more. */
struct space_release {
    /* Its number: space_fault.thread. */
    uint32_t thread;
    /* Zero. */
    uint32_t reserved;
};
_Static_assert(sizeof(struct space_release) == 8, "a release is 8 bytes on every machine");

/* What the space sends. */
struct space_reply {
    /* enum space_reply_kind. */
    uint32_t kind;
    /* That of the request; 0 with what is no answer to one. */
    uint32_t sequence;
    /* 0, or an errno number as the space's machine numbers them. */
    int32_t status;
    /* SPACE_HELLO: SPACE_PROTOCOL_VERSION. */
    uint32_t version;
    /* What a function returned, how many functions did, or an address. */
    int64_t result;
    /* SPACE_HELLO: the space's process number. */
    int32_t process;
    /* SPACE_HELLO: bytes in a page. */
    uint32_t page_size;
    /* SPACE_HELLO: images go here: lowest address, and the first one beyond. */
    uint64_t window_start;
    uint64_t window_end;
    /*
     * SPACE_HELLO: the reserve, room in each thread for thread-local variables of modules: its lowest byte, in bytes
     * from the thread pointer; how many bytes it has; and what its address is a multiple of.
     */
    int64_t reserve_offset;
    uint32_t reserve_size;
    uint32_t reserve_alignment;
    /* What resolvers returned, or the words of a system call's result. */
    uint64_t results[SPACE_ADDRESS_LIMIT];
    /* What was read. */
    uint8_t bytes[SPACE_BYTE_LIMIT];
    /* Of SPACE_FAULTED, SPACE_DIED, SPACE_THREAD_FAULTED, and a status of SPACE_TIMED_OUT. */
    struct space_fault fault;
};
_Static_assert(sizeof(struct space_reply) == 728, "a reply is 728 bytes on every machine");

#endif
