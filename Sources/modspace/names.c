/*
 * Names of users, groups and hosts.
 *
 * The C library looks them up by what nsswitch.conf(5) lists. Of that, `files` and `dns` are part of it; everything else is a shared
 * library, which a static program cannot have: such a library brings the shared C library along, whose thread-local variables
 * nobody makes, and crashes. Scripts/build-space lets the C library's attempts to open one come here. As on a system on which
 * the library is not installed, the next entry of the list is tried then.
 *
 * What iconv opens for character sets does work: it calls little of the C library.
 */
#include "modspace.h"

void *space_refuse_library(const char *name, int mode);
void *space_refuse_library(const char *name, int mode)
{
    (void)name;
    (void)mode;
    return NULL;
}
