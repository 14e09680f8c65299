/* Numbers of commands of devices, as the system's clients make them. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_IOCCOM_H
#define MODLINK_SYS_IOCCOM_H
#pragma GCC system_header
#include <linux/ioctl.h>
#include <sys/cdefs.h>

/* What is in a number: bytes of the argument, letter, number, and in which direction the argument goes. */
#define IOCPARM_MASK _IOC_SIZEMASK
#define IOCPARM_LEN(command) _IOC_SIZE(command)
#define IOCBASECMD(command) ((command) & ~IOCSIZE_MASK)
#define IOCGROUP(command) _IOC_TYPE(command)
#define IOCPARM_MAX 4096
#ifndef IOC_VOID
#define IOC_VOID ((unsigned long)_IOC_NONE << _IOC_DIRSHIFT)
#endif
#ifndef IOC_DIRMASK
#define IOC_DIRMASK ((unsigned long)_IOC_DIRMASK << _IOC_DIRSHIFT)
#endif

#endif
