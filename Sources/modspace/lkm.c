/*
 * lkmdispatch: the way of a classic module into the table of its type, as NetBSD's lkm(4) has it.
 *
 * There is a register of the modules that are in. It has what is needed to take one out without looking at its memory, since a module
 * that has crashed is not asked again. Several modules may take one slot of system calls in turn; each goes on the one before,
 * and whichever goes first, what the slot shows is right.
 */
#define _GNU_SOURCE
#include "kernel.h"
#include "modspace.h"

#include <errno.h>
#include <string.h>

/* One for each module that could be there: the window would be full. */
#define LIMIT 65536

struct registration {
    struct lkm_table *table;
    char name[MAXLKMNAME];
    MODTYPE type;
    /* Of a system call: its slot, what it put there and what it found. */
    long slot;
    struct sysent own;
    struct sysent old;
};

static struct registration registrations[LIMIT];
static size_t count;

int lkm_nofunc(struct lkm_table *table, int command)
{
    (void)table, (void)command;
    return 0;
}

static struct registration *find(const struct lkm_table *table)
{
    for (size_t i = 0; i < count; i++) {
        if (registrations[i].table == table) {
            return &registrations[i];
        }
    }
    return NULL;
}

static bool is_named(const char *name, const struct lkm_table *other_than)
{
    for (size_t i = 0; i < count; i++) {
        if (registrations[i].table != other_than && strcmp(registrations[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

int lkmexists(struct lkm_table *table)
{
    char name[MAXLKMNAME];
    sigset_t saved;
    kernel_copy_name(name, sizeof name, table->private.lkm_any->lkm_name);
    kernel_lock(&saved);
    bool exists = is_named(name, table);
    kernel_unlock(&saved);
    return exists;
}

/* ---- System calls ---- */

static bool is_same_call(const struct sysent *one, const struct sysent *other)
{
    return one->sy_call == other->sy_call && one->sy_narg == other->sy_narg && one->sy_argsize == other->sy_argsize;
}

/* Under the lock. Slot -1 is the first that is kept for modules and free. */
static int take_slot(struct registration *it)
{
    if (it->slot == -1) {
        for (it->slot = 0; it->slot < SYS_MAXSYSCALL && sysent[it->slot].sy_call != sys_lkmnosys; it->slot++) {
        }
        if (it->slot == SYS_MAXSYSCALL) {
            return ENFILE;
        }
    } else if (it->slot < 0 || it->slot >= SYS_MAXSYSCALL) {
        return EINVAL;
    }
    it->old = sysent[it->slot];
    sysent[it->slot] = it->own;
    return 0;
}

/* Under the lock. What was there before is put back; or left to who has taken the slot since. */
static void give_slot_back(const struct registration *it)
{
    for (size_t i = 0; i < count; i++) {
        struct registration *other = &registrations[i];
        if (other != it && other->type == LM_SYSCALL && other->slot == it->slot && is_same_call(&other->old, &it->own)) {
            other->old = it->old;
            return;
        }
    }
    sysent[it->slot] = it->old;
}

/* ---- Coming and going ---- */

/* Under the lock. */
static int enter(struct registration *it, bool names_are_unique)
{
    if (find(it->table) != NULL || (names_are_unique && is_named(it->name, it->table))) {
        return EEXIST;
    }
    if (count == LIMIT) {
        return ENFILE;
    }
    int error = it->type == LM_SYSCALL ? take_slot(it) : 0;
    if (error == 0) {
        registrations[count++] = *it;
    }
    return error;
}

/* Under the lock. */
static void leave(struct registration *it)
{
    if (it->type == LM_SYSCALL) {
        give_slot_back(it);
    }
    *it = registrations[--count];
    memset(&registrations[count], 0, sizeof registrations[count]);
}

void kernel_forget_modules(uint64_t image)
{
    for (size_t i = 0; i < count;) {
        if (space_image_at((uintptr_t)registrations[i].table) == image) {
            leave(&registrations[i]);
        } else {
            i++;
        }
    }
}

static void unregister(const struct lkm_table *table)
{
    sigset_t saved;
    kernel_lock(&saved);
    struct registration *it = find(table);
    if (it != NULL) {
        leave(it);
    }
    kernel_unlock(&saved);
}

/* Enters a module into the table of its type, where that is not done with the register. */
static int attach(union lkm_generic module, MODTYPE type)
{
    int error = 0;
    switch (type) {
    case LM_VFS:
        error = vfs_attach(module.lkm_vfs->lkm_vfsops);
        module.lkm_any->lkm_offset = (u_long)kernel_vfs_slot(module.lkm_vfs->lkm_vfsops);
        break;
    case LM_DEV: {
        struct lkm_dev *it = module.lkm_dev;
        error = devsw_attach(it->lkm_devname, it->lkm_bdev, &it->lkm_bdevmaj, it->lkm_cdev, &it->lkm_cdevmaj);
        if (error == 0) {
            it->mod.lkm_offset = (u_int)LKM_MAKEMAJOR(it->lkm_bdevmaj, it->lkm_cdevmaj);
        }
        break;
    }
    case LM_EXEC:
        error = exec_add(module.lkm_exec->lkm_execsw, module.lkm_exec->lkm_emul);
        module.lkm_any->lkm_offset = (u_long)kernel_exec_slot(module.lkm_exec->lkm_execsw);
        break;
    case LM_COMPAT:
        error = emul_register(module.lkm_compat->lkm_compat, 0);
        module.lkm_any->lkm_offset = (u_long)kernel_emul_slot(module.lkm_compat->lkm_compat);
        break;
    default:
        break;
    }
    return error;
}

static int detach(union lkm_generic module, MODTYPE type)
{
    switch (type) {
    case LM_VFS:
        return vfs_detach(module.lkm_vfs->lkm_vfsops);
    case LM_DEV:
        module.lkm_dev->lkm_bdevmaj = -1;
        module.lkm_dev->lkm_cdevmaj = -1;
        return devsw_detach(module.lkm_dev->lkm_bdev, module.lkm_dev->lkm_cdev);
    case LM_EXEC:
        return exec_remove(module.lkm_exec->lkm_execsw);
    case LM_COMPAT:
        return emul_unregister(module.lkm_compat->lkm_compat->e_name);
    default:
        return 0;
    }
}

static int load(struct lkm_table *table)
{
    union lkm_generic module = table->private;
    struct registration it = {.table = table, .type = module.lkm_any->lkm_type};
    kernel_copy_name(it.name, sizeof it.name, module.lkm_any->lkm_name);
    if (it.type == LM_SYSCALL) {
        it.own = kernel_whole_call(module.lkm_syscall->lkm_sysent);
        it.slot = (long)module.lkm_any->lkm_offset;
    }
    sigset_t saved;
    kernel_lock(&saved);
    int error = enter(&it, it.type != LM_MISC);
    kernel_unlock(&saved);
    if (error != 0) {
        return error;
    }
    if (it.type == LM_SYSCALL) {
        module.lkm_any->lkm_offset = (u_long)it.slot;
        module.lkm_syscall->lkm_oldent = it.old;
    }
    error = attach(module, it.type);
    if (error != 0) {
        unregister(table);
    }
    return error;
}

int lkmdispatch(struct lkm_table *table, int command)
{
    const struct lkm_any *any = table->private.lkm_any;
    switch (any->lkm_type) {
    case LM_SYSCALL:
    case LM_VFS:
    case LM_DEV:
    case LM_EXEC:
    case LM_COMPAT:
    case LM_MISC:
    case LM_DRV:
        break;
    default:
        return ENXIO;
    }
    if (command == LKM_E_LOAD) {
        return any->lkm_modver == LKM_VERSION ? load(table) : EPROGMISMATCH;
    }
    if (command == LKM_E_UNLOAD) {
        int error = detach(table->private, any->lkm_type);
        if (error != 0) {
            return error;
        }
        unregister(table);
    }
    return 0;
}
