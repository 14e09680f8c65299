/* CDecompression: compressed bytes, read a part at a time by the libraries that gzip(1), xz(1) and zstd(1) are made of. */
#ifndef CDECOMPRESSION_H
#define CDECOMPRESSION_H

#include <stddef.h>
#include <sys/types.h>

/* Forms of compression. */
enum cdecompression_form {
    /* RFC 1950: what sections of ELF files have (ELFCOMPRESS_ZLIB). */
    CDECOMPRESSION_ZLIB = 0,
    /* RFC 1952, perhaps several members. */
    CDECOMPRESSION_GZIP = 1,
    /* The .xz file format, perhaps several streams. */
    CDECOMPRESSION_XZ = 2,
    /* RFC 8878, perhaps several frames. */
    CDECOMPRESSION_ZSTD = 3,
};

/* Why nothing more comes. */
enum cdecompression_error {
    /* The bytes are not what the library takes. */
    CDECOMPRESSION_DAMAGED = -1,
    /* They end before their time. */
    CDECOMPRESSION_TRUNCATED = -2,
    /* They want more memory than there is, or than the limit of 256 MiB for what the library itself keeps. */
    CDECOMPRESSION_MEMORY = -3,
};

struct cdecompression;

/* Begins to read bytes, which stay where they are until `cdecompression_end`. NULL when there is no memory. */
struct cdecompression *cdecompression_begin(enum cdecompression_form form, const void *bytes, size_t count);

/* Fills `room` as far as there is something. Returns how many bytes that were, 0 at the end, or a negative error. */
ssize_t cdecompression_read(struct cdecompression *reader, void *room, size_t capacity);

/* Frees the reader. */
void cdecompression_end(struct cdecompression *reader);

#endif
