/* Variables of a BSD kernel. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_KERNEL_H
#define MODLINK_SYS_KERNEL_H
#pragma GCC system_header
#include <sys/param.h>
#include <sys/time.h>

__BEGIN_DECLS

/* Ticks of the clock in a second. */
extern int modlink_hz;
#define hz modlink_hz
/* Not raised: modules may be loaded. */
extern int modlink_securelevel;
#define securelevel modlink_securelevel

__END_DECLS

#endif
