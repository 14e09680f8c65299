/*
 * What modules find of a kernel in the space: the tables that they register in, use counts by name, messages. The interfaces to
 * modules are in Sources/ModuleHeaders; here is what the parts of it have for each other.
 *
 *     tables.c     system calls, devices, file systems, formats of programs, emulations
 *     devices.c    what clients of the daemon do with what is in them
 *     linux_devices.c  the same for character devices of Linux
 *     lkm.c        lkmdispatch: the way of classic modules into these tables
 *     holds.c      module_hold and module_rele
 *     waiting.c    locks, conditions, tsleep, levels of interrupts, the clock's ticks
 *     callouts.c   functions that are called when time has passed
 *     console.c    messages, and small things
 *     properties.h property lists
 *
 * Any thread of a module may call them, and may be stopped at any instant. So what these tables consist of is changed with all
 * signals blocked, and nothing of a module's memory is touched meanwhile: what is needed of it is copied before.
 */
#ifndef MODSPACE_KERNEL_H
#define MODSPACE_KERNEL_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/conf.h>
#include <sys/exec.h>
#include <sys/lkm.h>
#include <sys/mount.h>
#include <sys/types.h>

/* Makes the tables the calling thread's; `saved` is for kernel_unlock. */
void kernel_lock(sigset_t *saved);
void kernel_unlock(const sigset_t *saved);

/* Copies a name of a module into `room`, cut off where that ends; NULL is the empty name. */
void kernel_copy_name(char *room, size_t size, const char *name);

/* ---- tables.c ---- */

/* The slot of a file system, a format or an emulation that has been entered; -1 for none. */
long kernel_vfs_slot(const struct vfsops *system);
long kernel_exec_slot(const struct execsw *format);
long kernel_emul_slot(const struct emul *emulation);
/* The entry of a major number, and whether it is a `struct file_operations` of Linux; else it is a `struct cdevsw`. The lock is held. */
const void *kernel_character_device(unsigned major, bool *is_linux);
/*
 * A module may write a slot of system calls itself, with a structure from before NetBSD 2, which has the function in the place of the flags: puts
 * it where it belongs.
 */
void kernel_mend_calls(void);
struct sysent kernel_whole_call(const struct sysent *given);
/* Takes out whatever lies in an image that is gone. Under the lock. */
void kernel_forget_tables(uint64_t image);

/* ---- devices.c, linux_devices.c ---- */

/* What is to be done with a device. */
struct kernel_operation {
    /* SPACE_DEVICE_OPEN and so on. */
    uint64_t kind;
    dev_t device;
    /* The number of the opening, given by the daemon. */
    uint64_t handle;
    int flags;
    /* The command of an ioctl; where in the device a read or a write begins. */
    uint64_t number;
    char *buffer;
    size_t size;
};

/* Returns 0 or errno. */
int kernel_use_linux_device(const void *functions, const struct kernel_operation *it, uint64_t *moved);
/* Forgets who has devices of an image open that is gone. Under the lock. */
void kernel_forget_openings(uint64_t image);

/* ---- lkm.c ---- */

/* Takes out the classic modules of an image that is gone, and puts back what was in their slots. Under the lock. */
void kernel_forget_modules(uint64_t image);

/* ---- holds.c ---- */

/* Forgets the names of an image that is gone. Under the lock. */
void kernel_forget_names(uint64_t image);
/*
 * Calls the init of a module of Linux, with the use count raised by one meanwhile, as modules(2) has it. The daemon calls this,
 * by name.
 */
int modlink_initialize(int (*initialize)(void), _Atomic long *uses);

/* ---- waiting.c ---- */

/* Nanoseconds since some time; and those of a number of ticks. */
int64_t kernel_now(void);
int64_t kernel_ticks(int ticks);
/* Brings the variable `jiffies` up to date, for objects that look at it without linux/jiffies.h. */
void kernel_tick(void);

/* A thread stands still for good: it is at level 0 (spl(9)). Asynchronous-signal-safe. */
void kernel_leave_level(pid_t thread);

/* ---- callouts.c ---- */

/*
 * Ends what an image that is about to go has pending, and says so; waits for a function of it that is being called, unless that has been so for
 * long. On the server's thread.
 */
void kernel_end_callouts(uint64_t image);
/* A thread stands still after a fault: perhaps the one that calls these functions. Asynchronous-signal-safe. */
void kernel_note_halt(pid_t thread);

/* ---- property_values.c ---- */

/*
 * Calls the function of a module of MODULE() to initialize it, with a dictionary, which is let go of afterwards. The daemon calls this,
 * by name. A property is a letter for its type, its name and its value, each of these two ended by a zero byte; and a zero byte ends
 * them all. `b`: 0 or 1; `i`, `u`: a decimal number, with and without a sign; `s`: text.
 */
int modlink_initialize_module(int (*command)(int, void *), const char *properties);

#endif
