/* libdw of elfutils (Debian: libdw-dev): debug information and call frame information. */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <unistd.h>

/* open(2) for reading: Swift calls nothing variadic. libdwfl wants a number that it closes itself. */
static inline int libdw_open(const char *path) { return open(path, O_RDONLY | O_CLOEXEC); }
