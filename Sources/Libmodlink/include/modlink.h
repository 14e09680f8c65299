/*
 * libmodlink: what the tools modload, modunload, modstat and ksyms do, as functions. Link with -lmodlink. Manual page: modlink(3).
 *
 * A handle is one connection to the daemon, and is used by one thread at a time. What a function gives in an array is one block of
 * memory, strings included, which the caller frees with free(3). After -1 or NULL errno is set, and modlink_error says in words what
 * stands in the way.
 */
#ifndef MODLINK_H
#define MODLINK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <modlink/modules2.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct modlink modlink_t;

/* modlink_open: do not start a daemon when none listens. */
#define MODLINK_NO_AUTOSTART 1u

/*
 * Connects to the daemon of a runtime directory, NULL: of $MODLINK_RUNTIME_DIR or what stands for it, and starts it when there is
 * none. EPERM: it is another user's. ENOSYS: there is none, and none can be started.
 */
modlink_t *modlink_open(const char *directory, unsigned flags);
/* Ends the connection. What was made with MODLINK_WITH_CONNECTION and never initialized goes. NULL is allowed. */
void modlink_close(modlink_t *handle);
/*
 * Why the last call with this handle failed: lines of "subject: place: reason", without a newline at the end; "" when none has. With NULL:
 * why the last modlink_open of this thread failed. Valid until the next call with the handle.
 */
const char *modlink_error(const modlink_t *handle);
/* What modules printed during the last call with this handle. Valid until the next one. */
const char *modlink_output(const modlink_t *handle);

/* struct modlink_source.flags */
#define MODLINK_AUTOCLEAN 1u      /* modload -k */
#define MODLINK_PRIVATE 2u        /* modload -f */
#define MODLINK_WHOLE_ARCHIVE 4u  /* modload --whole-archive */

/* What one module is to be made of. Fields that are not needed are zero. */
struct modlink_source {
    const char *name;               /* NULL: that of the first file */
    const char *const *files;       /* paths of objects and archives, opened with the rights of the caller; ends with NULL */
    const char *const *parameters;  /* NAME=VALUE; ends with NULL. NULL: none */
    const char *entry;              /* a function to call in the classic way, or NULL */
    unsigned flags;
};

/* Loads modules, all or none. Their numbers go to ids, unless that is NULL. */
int modlink_load(modlink_t *handle, const struct modlink_source *sources, size_t count, int64_t *ids);
/* Unloads modules together. ENOENT, EBUSY. */
int modlink_unload(modlink_t *handle, const char *const *names, size_t count);

struct modlink_module {
    int64_t id;
    const char *name;
    const char *space;    /* the name of its machine: "x86-64" */
    const char *state;    /* "uninitialized", "loading", "running" or "unloading" */
    uint64_t address;
    uint64_t size;        /* bytes, whole pages */
    int64_t use_count;    /* -1: it has none, or the space is busy */
    int64_t owner_process; /* who called create_module; 0: it was loaded otherwise */
    int64_t owner_user;
    const char *const *uses;    /* names of modules; ends with NULL */
    const char *const *used_by; /* likewise */
    int autoclean;
};

/* All modules, in the order in which they were loaded. */
int modlink_list(modlink_t *handle, struct modlink_module **modules, size_t *count);

struct modlink_symbol {
    const char *module;  /* "" for the space's own */
    const char *name;
    const char *kind;    /* "function", "object", "label", "threadLocal" or "section" */
    uint64_t address;
    uint64_t size;
    uint64_t offset;     /* how far after the symbol's start is what was looked up */
    int exported;
};

/*
 * The symbols of a name, of module:name, or at an address ("0x1000"), in a space, NULL: x86-64. That there is none is no error:
 * count is 0.
 */
int modlink_lookup(
    modlink_t *handle, const char *query, const char *space, struct modlink_symbol **symbols, size_t *count);

/*
 * Calls a function of the space, x86-64 for NULL, by name, module:name or address, with up to four words; its result goes to result,
 * unless that is NULL. ENOENT: no such function. EFAULT: it crashed.
 */
int modlink_call(
    modlink_t *handle, const char *function, const char *space, const int64_t *arguments, size_t count,
    int64_t *result);

/*
 * Calls a system call that a module has registered in a slot of the space's table, x86-64 for NULL, with up to eight words; the two words of
 * its result go to values, unless that is NULL. Its error is in errno; ENOSYS: there is none in that slot. EFAULT: it crashed, or said so.
 */
int modlink_system_call(
    modlink_t *handle, int64_t number, const char *space, const int64_t *arguments, size_t count, int64_t values[2]);

/* modlink_device_open: how. Of the first two at least one. */
#define MODLINK_DEVICE_READ 1u
#define MODLINK_DEVICE_WRITE 2u
#define MODLINK_DEVICE_NONBLOCK 04000u
#define MODLINK_DEVICE_BLOCK 0x10000u /* the block device, not the character device */

/*
 * Opens a device of a module, which is named, or by its major number in a space, x86-64 for NULL. Returns a descriptor for the calls below,
 * which need no handle; or -1 with errno: ENOENT (no such module), ENODEV (it has no device), ENXIO (no such number), or what the device
 * says. The module is kept until the last descriptor is closed.
 */
int modlink_device_open(modlink_t *handle, const char *device, const char *space, unsigned minor, unsigned flags);
/*
 * Read and write as read(2) and write(2) do: at most 65536 bytes at once. Return how many, or -1 with errno: what the device says; EBADF:
 * not opened for that; EIO: it crashed; ENXIO: it is gone.
 */
ssize_t modlink_device_read(int device, void *buffer, size_t size);
ssize_t modlink_device_write(int device, const void *bytes, size_t size);
/*
 * Gives a command and size bytes, at most 65536, which the device may change, unless it fails; or, where size is 0, data itself as a number.
 * Returns what the device returns, 0 unless it is one of Linux, or -1 with errno.
 */
int modlink_device_ioctl(int device, unsigned long command, void *data, size_t size);
/*
 * Closes the device, and says what it says to that; the descriptor is closed in any case. close(2) does without an answer, and leaves the
 * device open while there is another descriptor of it.
 */
int modlink_device_close(int device);

/* modlink_create_module: the module goes with the handle, unless it has been initialized by then. */
#define MODLINK_WITH_CONNECTION 1u

/* create_module with a handle. The address, or -1. init_module and delete_module of modules(2) take the module like any other. */
long modlink_create_module(modlink_t *handle, const char *name, unsigned long size, unsigned flags);

#ifdef __cplusplus
}
#endif

#endif
