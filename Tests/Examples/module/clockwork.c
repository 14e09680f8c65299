/* Callouts, timeouts, a lock, a condition and a sleeper. */
#include <sys/param.h>
#include <sys/module.h>
#include <sys/kernel.h>
#include <sys/callout.h>
#include <sys/mutex.h>
#include <sys/condvar.h>

MODULE(MODULE_CLASS_MISC, clockwork, NULL);

static callout_t callout;
static kmutex_t lock;
static kcondvar_t condition;
static int ticks;
static int channel;

static void
tick(void *arg)
{
	mutex_enter(&lock);
	ticks++;
	cv_broadcast(&condition);
	mutex_exit(&lock);
	callout_reset(&callout, ticks < 5 ? 1 : 1000 * hz, tick, arg);
}

static void
over(void *arg)
{
	printf("timeout %s\n", (char *)arg);
	wakeup(&channel);
}

static void
start(void)
{
	static char here[] = "here", never[] = "never";
	int error, s;

	mutex_init(&lock, MUTEX_DEFAULT, IPL_NONE);
	cv_init(&condition, "ticks");
	callout_init(&callout, 0);
	callout_reset(&callout, 1, tick, NULL);
	mutex_enter(&lock);
	while (ticks < 5)
		cv_wait(&condition, &lock);
	error = cv_timedwait(&condition, &lock, 2);
	mutex_exit(&lock);
	/* The last one may be on its way still. */
	while (!callout_pending(&callout))
		kpause("tick", 0, 1, NULL);
	printf("%d ticks, then %d; pending %d\n", ticks, error, callout_pending(&callout));
	s = splsoftclock();
	timeout(over, here, 1);
	timeout(over, never, 1);
	untimeout(over, never);
	error = tsleep(&channel, PWAIT | PCATCH, "over", 60 * hz);
	splx(s);
	printf("woken %d, slept %d\n", error, tsleep(&channel, PWAIT, "nobody", 2));
}

static int
clockwork_modcmd(modcmd_t cmd, void *arg __unused)
{
	switch (cmd) {
	case MODULE_CMD_INIT:
		start();
		return 0;
	case MODULE_CMD_FINI:
		return 0;
	default:
		return ENOTTY;
	}
}
