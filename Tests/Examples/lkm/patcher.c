/* A module of before NetBSD 2 that writes into the table of system calls itself, with a structure that has no flags. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/conf.h>
#include <sys/mount.h>
#include <sys/exec.h>
#include <sys/lkm.h>

static int called(struct proc *process, void *arguments, register_t *result)
{
    (void)process, (void)arguments;
    *result = 77;
    return 0;
}

static struct sysent mine = { 0, 0, called }, old;

MOD_MISC("patcher")

static int handle(struct lkm_table *table, int command)
{
    struct lkm_misc *args = table->private.lkm_misc;
    int i;

    switch (command) {
    case LKM_E_LOAD:
        for (i = 0; i < SYS_MAXSYSCALL; i++)
            if (sysent[i].sy_call == sys_lkmnosys)
                break;
        if (i == SYS_MAXSYSCALL)
            return ENFILE;
        bcopy(&sysent[i], &old, sizeof(old));
        bcopy(&mine, &sysent[i], sizeof(mine));
        args->lkm_offset = i;
        break;
    case LKM_E_UNLOAD:
        bcopy(&old, &sysent[args->lkm_offset], sizeof(old));
        break;
    }
    return 0;
}

int patcher(struct lkm_table *table, int command, int version)
{
    DISPATCH(table, command, version, handle, handle, lkm_nofunc)
}
