/* Files, as far as they are named elsewhere. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_VNODE_H
#define MODLINK_SYS_VNODE_H
#pragma GCC system_header
#include <sys/types.h>

struct vnode;
struct vnodeopv_desc;

#endif
