/*
 * The unwinder's tables (.eh_frame): with them C++ exceptions, pthread_exit and backtrace(3) find their way
 * through a module's functions. libgcc reads a registered section at the first exception, whoever throws it, so
 * a broken one would break other modules: the list of records is checked first. All of this runs on a worker;
 * the section is whatever the module brought.
 *
 *     length 4 | 0, or the distance back to the CIE 4 | ...     repeated, a length of 0 ends the list
 */
#include "modspace.h"

#include <errno.h>
#include <string.h>

/* Of libgcc_eh, which declares them in no header. */
void __register_frame(void *begin);
void __deregister_frame(void *begin);

/* The length that says that eight bytes of length follow. No compiler writes it. */
#define EXTENDED_LENGTH UINT32_MAX

static uint32_t word_at(const unsigned char *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static bool is_zero(const unsigned char *bytes, uint64_t size)
{
    while (size > 0 && *bytes == 0) {
        bytes++;
        size--;
    }
    return size == 0;
}

/*
 * True if records follow each other up to the terminator, nothing but padding follows it, and each FDE's CIE is
 * a CIE of the section.
 */
static bool is_frame_list(const unsigned char *section, uint64_t size)
{
    for (uint64_t at = 0; size - at >= 4;) {
        uint64_t length = word_at(section + at);
        if (length == 0) {
            /* The unwinder would not see what stands behind it. */
            return is_zero(section + at, size - at);
        }
        if (length == EXTENDED_LENGTH || length < 4 || length > size - at - 4) {
            return false;
        }
        uint64_t distance = word_at(section + at + 4);
        if (distance != 0) {
            uint64_t from = at + 4;
            if (distance < 4 || distance > from || word_at(section + from - distance + 4) != 0) {
                return false;
            }
        }
        at += 4 + length;
    }
    return false;
}

int space_frames(const struct space_request *request)
{
    uint64_t image = space_image_at(request->address);
    uint64_t *frames = image == 0 ? NULL : space_image_frames(image);
    void *section = (void *)(uintptr_t)request->address;
    if ((request->flags & SPACE_REVERSE) != 0) {
        if (frames == NULL || *frames != request->address) {
            return ENOENT;
        }
        __deregister_frame(section);
        *frames = 0;
        return 0;
    }
    if (frames == NULL || !is_frame_list(section, request->size)) {
        return EINVAL;
    }
    if (*frames != 0) {
        return EEXIST;
    }
    __register_frame(section);
    *frames = request->address;
    return 0;
}
