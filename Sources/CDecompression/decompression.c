#include "CDecompression.h"

#include <limits.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* What xz and zstd may keep for themselves: `xz -9` wants 65 MiB, `zstd --ultra -22` 128 MiB. */
#define LIBRARY_MEMORY (256u << 20)
#define LIBRARY_WINDOW_LOG 27

struct cdecompression {
    enum cdecompression_form form;
    bool ended;
    const uint8_t *next;
    size_t left;
    z_stream zlib;
    lzma_stream xz;
    ZSTD_DStream *zstd;
};

static bool begin(struct cdecompression *reader)
{
    switch (reader->form) {
    case CDECOMPRESSION_ZLIB: return inflateInit2(&reader->zlib, 15) == Z_OK;
    case CDECOMPRESSION_GZIP: return inflateInit2(&reader->zlib, 15 + 16) == Z_OK;
    case CDECOMPRESSION_XZ: return lzma_stream_decoder(&reader->xz, LIBRARY_MEMORY, LZMA_CONCATENATED) == LZMA_OK;
    case CDECOMPRESSION_ZSTD:
        reader->zstd = ZSTD_createDStream();
        return reader->zstd && !ZSTD_isError(ZSTD_initDStream(reader->zstd))
            && !ZSTD_isError(ZSTD_DCtx_setParameter(reader->zstd, ZSTD_d_windowLogMax, LIBRARY_WINDOW_LOG));
    }
    return false;
}

struct cdecompression *cdecompression_begin(enum cdecompression_form form, const void *bytes, size_t count)
{
    struct cdecompression *reader = calloc(1, sizeof *reader);
    if (!reader) return NULL;
    *reader = (struct cdecompression){.form = form, .next = bytes, .left = count, .xz = LZMA_STREAM_INIT};
    if (begin(reader)) return reader;
    cdecompression_end(reader);
    return NULL;
}

/* zlib counts in 32 bits. */
static unsigned int clamped(size_t count) { return count > UINT_MAX ? UINT_MAX : (unsigned int)count; }

static ssize_t read_zlib(struct cdecompression *reader, void *room, size_t capacity)
{
    z_stream *zlib = &reader->zlib;
    const unsigned int given = clamped(reader->left), free_room = clamped(capacity);
    zlib->next_in = (Bytef *)reader->next;
    zlib->avail_in = given;
    zlib->next_out = room;
    zlib->avail_out = free_room;
    const int result = inflate(zlib, Z_NO_FLUSH);
    const size_t used = given - zlib->avail_in, made = free_room - zlib->avail_out;
    reader->next += used;
    reader->left -= used;
    if (result == Z_STREAM_END) {
        /* Another member may follow (RFC 1952, 2.2). */
        if (reader->left == 0) reader->ended = true;
        else if (reader->form == CDECOMPRESSION_ZLIB || inflateReset(zlib) != Z_OK) return CDECOMPRESSION_DAMAGED;
    } else if (result == Z_MEM_ERROR) {
        return CDECOMPRESSION_MEMORY;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
        return CDECOMPRESSION_DAMAGED;
    } else if (made == 0 && used == 0) {
        return CDECOMPRESSION_TRUNCATED;
    }
    return (ssize_t)made;
}

static ssize_t read_xz(struct cdecompression *reader, void *room, size_t capacity)
{
    lzma_stream *xz = &reader->xz;
    xz->next_in = reader->next;
    xz->avail_in = reader->left;
    xz->next_out = room;
    xz->avail_out = capacity;
    const lzma_ret result = lzma_code(xz, LZMA_FINISH);
    reader->next = xz->next_in;
    reader->left = xz->avail_in;
    const size_t made = capacity - xz->avail_out;
    switch (result) {
    case LZMA_STREAM_END: reader->ended = true; break;
    case LZMA_OK: break;
    case LZMA_BUF_ERROR: return made ? (ssize_t)made : CDECOMPRESSION_TRUNCATED;
    case LZMA_MEM_ERROR:
    case LZMA_MEMLIMIT_ERROR: return CDECOMPRESSION_MEMORY;
    default: return CDECOMPRESSION_DAMAGED;
    }
    return (ssize_t)made;
}

static ssize_t read_zstd(struct cdecompression *reader, void *room, size_t capacity)
{
    ZSTD_inBuffer from = {reader->next, reader->left, 0};
    ZSTD_outBuffer to = {room, capacity, 0};
    const size_t result = ZSTD_decompressStream(reader->zstd, &to, &from);
    if (ZSTD_isError(result)) {
        const ZSTD_ErrorCode code = ZSTD_getErrorCode(result);
        return code == ZSTD_error_memory_allocation || code == ZSTD_error_frameParameter_windowTooLarge
            ? CDECOMPRESSION_MEMORY : CDECOMPRESSION_DAMAGED;
    }
    reader->next += from.pos;
    reader->left -= from.pos;
    /* 0: a frame is complete. */
    if (reader->left == 0 && result == 0) reader->ended = true;
    else if (to.pos == 0 && from.pos == 0) return CDECOMPRESSION_TRUNCATED;
    return (ssize_t)to.pos;
}

ssize_t cdecompression_read(struct cdecompression *reader, void *room, size_t capacity)
{
    if (capacity == 0) return 0;
    while (!reader->ended) {
        ssize_t made;
        switch (reader->form) {
        case CDECOMPRESSION_XZ: made = read_xz(reader, room, capacity); break;
        case CDECOMPRESSION_ZSTD: made = read_zstd(reader, room, capacity); break;
        default: made = read_zlib(reader, room, capacity); break;
        }
        if (made != 0) return made;
    }
    return 0;
}

void cdecompression_end(struct cdecompression *reader)
{
    if (!reader) return;
    inflateEnd(&reader->zlib);
    lzma_end(&reader->xz);
    ZSTD_freeDStream(reader->zstd);
    free(reader);
}
