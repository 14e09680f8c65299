/* Registers a format of programs that belongs to that emulation. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/exec.h>
#include <sys/lkm.h>

static int
exec_tomat(struct proc *p, struct exec_package *epp)
{
	(void)p, (void)epp;
	return (ENOEXEC);
}

static struct execsw tomat_execsw = { 32, exec_tomat, NULL, NULL, EXECSW_PRIO_ANY, 0, NULL, NULL };

MOD_EXEC("format", -1, &tomat_execsw, "tomat")

static int
format_load(struct lkm_table *lkmtp, int cmd)
{
	(void)lkmtp, (void)cmd;
	printf("emulation %s\n", tomat_execsw.es_emul->e_name);
	return (0);
}

int
format_lkmentry(struct lkm_table *lkmtp, int cmd, int ver)
{
	DISPATCH(lkmtp, cmd, ver, format_load, lkm_nofunc, lkm_nofunc)
}
