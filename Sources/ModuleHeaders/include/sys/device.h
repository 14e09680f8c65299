/* Drivers, as far as MOD_DRV names them. Part of modlink: see modlink(4). */
#ifndef MODLINK_SYS_DEVICE_H
#define MODLINK_SYS_DEVICE_H
#pragma GCC system_header
#include <sys/types.h>

struct device;
struct cfattach;

/* A driver: its name, and what its devices are. */
struct cfdriver {
    const char *cd_name;
    int cd_class;
    int cd_ndevs;
    void **cd_devs;
};

/* What finds and attaches devices of a driver. */
struct cfattachlkminit {
    const char *cfai_name;
    struct cfattach *const *cfai_list;
};

/* A device that may be there. */
struct cfdata {
    const char *cf_name;
    const char *cf_atname;
    short cf_unit;
    short cf_fstate;
};

#endif
