/*
 * The tables that modules register in: system calls, devices, file systems, formats of programs, emulations.
 *
 * They are the space's, so they outlive their users: what lies in an image is taken out when the image goes, whether its
 * module has done so or not.
 */
#define _GNU_SOURCE
#include "kernel.h"
#include "signals.h"

#include <errno.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

/* The first system call that a module may be given which asks for any: as in NetBSD. */
#define FIRST_FREE_CALL 210
#define ENTRIES 512
#define NATIVE_EMULATION "netbsd"

static _Atomic bool locked;

void kernel_lock(sigset_t *saved)
{
    sigemptyset(saved);
    space_write_mask(saved, space_block_all());
    while (atomic_exchange(&locked, true)) {
        sched_yield();
    }
}

void kernel_unlock(const sigset_t *saved)
{
    atomic_store(&locked, false);
    space_change_mask(SIG_SETMASK, space_read_mask(saved));
}

void kernel_copy_name(char *room, size_t size, const char *name)
{
    size_t length = name != NULL ? strnlen(name, size - 1) : 0;
    memcpy(room, name != NULL ? name : "", length);
    memset(room + length, 0, size - length);
}

static bool is_in(const void *pointer, uint64_t image)
{
    return pointer != NULL && space_image_at((uintptr_t)pointer) == image;
}

/* ---- System calls ---- */

int sys_nosys(struct proc *process, void *arguments, register_t *result)
{
    (void)process, (void)arguments, (void)result;
    return ENOSYS;
}

int sys_lkmnosys(struct proc *process, void *arguments, register_t *result)
{
    return sys_nosys(process, arguments, result);
}

struct sysent sysent[SYS_MAXSYSCALL] = {
    [0 ... FIRST_FREE_CALL - 1] = {.sy_call = sys_nosys},
    [FIRST_FREE_CALL ... SYS_MAXSYSCALL - 1] = {.sy_call = sys_lkmnosys},
};

struct sysent kernel_whole_call(const struct sysent *given)
{
    struct sysent it = *given;
    if (it.sy_call == NULL) {
        it.sy_call = it.sy_flags;
        it.sy_flags = NULL;
    }
    return it;
}

void kernel_mend_calls(void)
{
    sigset_t saved;
    kernel_lock(&saved);
    for (int i = 0; i < SYS_MAXSYSCALL; i++) {
        if (sysent[i].sy_call == NULL && sysent[i].sy_flags != NULL) {
            sysent[i] = kernel_whole_call(&sysent[i]);
        }
    }
    kernel_unlock(&saved);
}

/* ---- Devices ---- */

static const struct bdevsw *block_devices[MAXDEVSW];
static const struct cdevsw *character_devices[MAXDEVSW];
/* Whether what is entered there is a `struct file_operations` of Linux, and the name that it was entered by. */
static bool is_linux_device[MAXDEVSW];
static char linux_names[MAXDEVSW][MAXLKMNAME];

static int major_of(const void *const *table, const void *entry)
{
    int found = -1;
    sigset_t saved;
    kernel_lock(&saved);
    for (int i = 0; entry != NULL && found < 0 && i < MAXDEVSW; i++) {
        if (table[i] == entry) {
            found = i;
        }
    }
    kernel_unlock(&saved);
    return found;
}

/* Finds out under which number an entry would go. */
static int choose_major(const void *const *table, const void *entry, const int *wanted, int *number)
{
    *number = -1;
    if (entry == NULL) {
        return 0;
    }
    if (wanted != NULL && *wanted >= 0) {
        *number = *wanted;
        return *wanted >= MAXDEVSW ? EINVAL : table[*wanted] != NULL ? EEXIST : 0;
    }
    for (int i = 0; i < MAXDEVSW; i++) {
        if (table[i] == NULL) {
            *number = i;
            return 0;
        }
    }
    return ENFILE;
}

int devsw_attach(
    const char *name, const struct bdevsw *block, int *bmajor, const struct cdevsw *character, int *cmajor)
{
    /* Read first: these are the module's. */
    int wanted[2] = {bmajor != NULL ? *bmajor : -1, cmajor != NULL ? *cmajor : -1};
    int numbers[2];
    sigset_t saved;
    (void)name;
    kernel_lock(&saved);
    int error = choose_major((const void *const *)block_devices, block, &wanted[0], &numbers[0]);
    if (error == 0) {
        error = choose_major((const void *const *)character_devices, character, &wanted[1], &numbers[1]);
    }
    if (error == 0 && block != NULL) {
        block_devices[numbers[0]] = block;
    }
    if (error == 0 && character != NULL) {
        character_devices[numbers[1]] = character;
        is_linux_device[numbers[1]] = false;
    }
    kernel_unlock(&saved);
    if (error == 0 && bmajor != NULL) {
        *bmajor = numbers[0];
    }
    if (error == 0 && cmajor != NULL) {
        *cmajor = numbers[1];
    }
    return error;
}

int devsw_detach(const struct bdevsw *block, const struct cdevsw *character)
{
    sigset_t saved;
    kernel_lock(&saved);
    for (int i = 0; i < MAXDEVSW; i++) {
        if (block != NULL && block_devices[i] == block) {
            block_devices[i] = NULL;
        }
        if (character != NULL && character_devices[i] == character) {
            character_devices[i] = NULL;
        }
    }
    kernel_unlock(&saved);
    return 0;
}

const struct bdevsw *bdevsw_lookup(dev_t device)
{
    return major(device) < MAXDEVSW ? block_devices[major(device)] : NULL;
}

const struct cdevsw *cdevsw_lookup(dev_t device)
{
    bool is_linux = true;
    sigset_t saved;
    /* Another thread may be registering a device of the other kind. */
    kernel_lock(&saved);
    const void *entry = major(device) < MAXDEVSW ? kernel_character_device(major(device), &is_linux) : NULL;
    kernel_unlock(&saved);
    return is_linux ? NULL : entry;
}

const void *kernel_character_device(unsigned major, bool *is_linux)
{
    *is_linux = is_linux_device[major];
    return character_devices[major];
}

/* The last one that Linux gives to who asks for any. */
#define LAST_MAJOR 254

int register_chrdev(unsigned int major, const char *name, const struct file_operations *operations)
{
    char copy[MAXLKMNAME];
    sigset_t saved;
    if (major >= MAXDEVSW || operations == NULL) {
        return -EINVAL;
    }
    kernel_copy_name(copy, sizeof copy, name);
    kernel_lock(&saved);
    unsigned int slot = major != 0 ? major : LAST_MAJOR;
    while (major == 0 && slot > 0 && character_devices[slot] != NULL) {
        slot--;
    }
    bool is_free = slot != 0 && character_devices[slot] == NULL;
    if (is_free) {
        character_devices[slot] = (const void *)operations;
        is_linux_device[slot] = true;
        memcpy(linux_names[slot], copy, sizeof copy);
    }
    kernel_unlock(&saved);
    return is_free ? (int)(major == 0 ? slot : 0) : -EBUSY;
}

int unregister_chrdev(unsigned int major, const char *name)
{
    char copy[MAXLKMNAME];
    sigset_t saved;
    if (major >= MAXDEVSW) {
        return -EINVAL;
    }
    kernel_copy_name(copy, sizeof copy, name);
    kernel_lock(&saved);
    bool is_there =
        character_devices[major] != NULL && is_linux_device[major] && strcmp(linux_names[major], copy) == 0;
    if (is_there) {
        character_devices[major] = NULL;
    }
    kernel_unlock(&saved);
    return is_there ? 0 : -EINVAL;
}

int bdevsw_lookup_major(const struct bdevsw *block)
{
    return major_of((const void *const *)block_devices, block);
}

int cdevsw_lookup_major(const struct cdevsw *character)
{
    return major_of((const void *const *)character_devices, character);
}

/* ---- Things with names ---- */

struct named {
    const void *thing;
    char name[MAXLKMNAME];
};

static struct named systems[ENTRIES];
static struct named emulations[ENTRIES];
/* Their names are those of their emulations. */
static struct named formats[ENTRIES];
static const struct emul native = {.e_name = NATIVE_EMULATION};

static long slot_of(const struct named *table, const void *thing)
{
    for (long i = 0; i < ENTRIES; i++) {
        if (table[i].thing == thing) {
            return i;
        }
    }
    return -1;
}

static long slot_named(const struct named *table, const char *name)
{
    for (long i = 0; i < ENTRIES; i++) {
        if (table[i].thing != NULL && strcmp(table[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

static int enter(struct named *table, const void *thing, const char *name)
{
    long slot = slot_of(table, NULL);
    if (slot < 0) {
        return ENFILE;
    }
    table[slot].thing = thing;
    memcpy(table[slot].name, name, MAXLKMNAME);
    return 0;
}

long kernel_vfs_slot(const struct vfsops *system)
{
    return slot_of(systems, system);
}

long kernel_exec_slot(const struct execsw *format)
{
    return slot_of(formats, format);
}

long kernel_emul_slot(const struct emul *emulation)
{
    return slot_of(emulations, emulation);
}

int vfs_attach(struct vfsops *system)
{
    char name[MAXLKMNAME];
    sigset_t saved;
    kernel_copy_name(name, sizeof name, system->vfs_name);
    kernel_lock(&saved);
    int error = slot_named(systems, name) >= 0 ? EEXIST : enter(systems, system, name);
    kernel_unlock(&saved);
    if (error == 0 && system->vfs_init != NULL) {
        system->vfs_init();
    }
    return error;
}

int vfs_detach(struct vfsops *system)
{
    if (kernel_vfs_slot(system) < 0) {
        return ENOENT;
    }
    if (system->vfs_refcount != 0) {
        return EBUSY;
    }
    if (system->vfs_done != NULL) {
        system->vfs_done();
    }
    sigset_t saved;
    kernel_lock(&saved);
    long slot = slot_of(systems, system);
    if (slot >= 0) {
        systems[slot].thing = NULL;
    }
    kernel_unlock(&saved);
    return 0;
}

struct vfsops *vfs_getopsbyname(const char *name)
{
    char copy[MAXLKMNAME];
    sigset_t saved;
    kernel_copy_name(copy, sizeof copy, name);
    kernel_lock(&saved);
    long slot = slot_named(systems, copy);
    const void *system = slot >= 0 ? systems[slot].thing : NULL;
    kernel_unlock(&saved);
    return (struct vfsops *)(uintptr_t)system;
}

int exec_add(struct execsw *format, const char *emulation)
{
    char name[MAXLKMNAME];
    sigset_t saved;
    kernel_copy_name(name, sizeof name, emulation != NULL ? emulation : NATIVE_EMULATION);
    const struct emul *owner = strcmp(name, NATIVE_EMULATION) == 0 ? &native : NULL;
    kernel_lock(&saved);
    long slot = slot_named(emulations, name);
    if (slot >= 0) {
        owner = emulations[slot].thing;
    }
    int error = slot_of(formats, format) >= 0 ? EEXIST : owner == NULL ? ENOENT : enter(formats, format, name);
    kernel_unlock(&saved);
    if (error == 0) {
        format->es_emul = owner;
    }
    return error;
}

int exec_remove(const struct execsw *format)
{
    sigset_t saved;
    kernel_lock(&saved);
    long slot = slot_of(formats, format);
    if (slot >= 0) {
        formats[slot].thing = NULL;
    }
    kernel_unlock(&saved);
    return slot >= 0 ? 0 : ENOENT;
}

int emul_register(const struct emul *emulation, int unused)
{
    char name[MAXLKMNAME];
    sigset_t saved;
    (void)unused;
    kernel_copy_name(name, sizeof name, emulation->e_name);
    bool is_native = strcmp(name, NATIVE_EMULATION) == 0;
    kernel_lock(&saved);
    int error = is_native || slot_named(emulations, name) >= 0 ? EEXIST : enter(emulations, emulation, name);
    kernel_unlock(&saved);
    return error;
}

int emul_unregister(const char *name)
{
    char copy[MAXLKMNAME];
    sigset_t saved;
    kernel_copy_name(copy, sizeof copy, name);
    if (strcmp(copy, NATIVE_EMULATION) == 0) {
        return EBUSY;
    }
    kernel_lock(&saved);
    long slot = slot_named(emulations, copy);
    int error = slot < 0 ? ENOENT : slot_named(formats, copy) >= 0 ? EBUSY : 0;
    if (error == 0) {
        emulations[slot].thing = NULL;
    }
    kernel_unlock(&saved);
    return error;
}

/* ---- Images that are gone ---- */

void kernel_forget_tables(uint64_t image)
{
    for (int i = 0; i < SYS_MAXSYSCALL; i++) {
        if (is_in((const void *)(uintptr_t)sysent[i].sy_call, image)
            || is_in((const void *)(uintptr_t)sysent[i].sy_flags, image)) {
            sysent[i] = (struct sysent){.sy_call = i < FIRST_FREE_CALL ? sys_nosys : sys_lkmnosys};
        }
    }
    for (int i = 0; i < MAXDEVSW; i++) {
        block_devices[i] = is_in(block_devices[i], image) ? NULL : block_devices[i];
        character_devices[i] = is_in(character_devices[i], image) ? NULL : character_devices[i];
    }
    struct named *const tables[] = {systems, formats, emulations};
    for (size_t table = 0; table < sizeof tables / sizeof tables[0]; table++) {
        for (int i = 0; i < ENTRIES; i++) {
            tables[table][i].thing = is_in(tables[table][i].thing, image) ? NULL : tables[table][i].thing;
        }
    }
}

void space_forget(uint64_t image)
{
    sigset_t saved;
    kernel_lock(&saved);
    kernel_forget_modules(image);
    kernel_forget_openings(image);
    kernel_forget_tables(image);
    kernel_forget_names(image);
    kernel_unlock(&saved);
}
