/* libelf of elfutils (Debian: libelf-dev), and the structures of elf.h that it reads and writes. */
#include <elf.h>
#include <libelf.h>
#include <string.h>
