/* CDemangling: names as the C++ compiler makes them, read by the library that c++filt(1) and gdb have for it (libiberty). */
#ifndef CDEMANGLING_H
#define CDEMANGLING_H

#include <stddef.h>

/*
 * Writes what a mangled name (Itanium C++ ABI, "Mangling": it begins with _Z) says, as c++filt has it, to `text`, without a NUL.
 * Returns how many bytes that is; 0 when the name is not such a one, or says more than `capacity` bytes: there are short names that say
 * gigabytes.
 */
size_t cdemangling_demangle(const char *name, char *text, size_t capacity);

#endif
