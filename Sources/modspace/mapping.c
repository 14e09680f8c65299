/*
 * The window and what is in it.
 *
 * The window is one reservation (PROT_NONE, no memory behind it), so that nothing else of the process can be
 * put there. Images are mapped over it and given back to it. Beside it stands one entry a page: with 4 KiB
 * pages, 393,216 of them, in zeroed memory that costs nothing until it is written. That makes every question
 * about an address one look, without a lock, which is what atexit (resident.c) needs on any thread.
 */
#define _GNU_SOURCE
#include "images.h"
#include "kernel.h"
#include "modspace.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALLEST_PAGE 4096
#define LARGEST_PAGE 65536
#define PAGES ((SPACE_WINDOW_END - SPACE_WINDOW_START) / SMALLEST_PAGE)

struct page {
    /* The lowest address of the image that this page belongs to; 0 when it is free. */
    _Atomic uint32_t image;
    /* enum space_protection. */
    uint32_t protection;
    /*
     * In an image's first page: from here to the end of its last page, the address of its registered .eh_frame,
     * its debug objects, how many destructors of thread-local variables are pending.
     */
    uint64_t image_size;
    uint64_t frames;
    struct space_debug_header *objects;
    _Atomic uint32_t destructors;
    /* The number of its record (images.c), from 1; 0: it has none. */
    _Atomic uint32_t record;
    /* How often it has given functions to atexit(3) and its like. */
    _Atomic uint32_t exit_functions;
};

static struct page pages[PAGES];

static struct page *page_at(uint64_t address)
{
    return &pages[(address - SPACE_WINDOW_START) / space_page_size];
}

static uint64_t round_up(uint64_t size)
{
    return (size + space_page_size - 1) / space_page_size * space_page_size;
}

uint64_t space_window_end;

static bool is_in_window(uint64_t address, uint64_t size)
{
    return address >= SPACE_WINDOW_START && address <= space_window_end && size <= space_window_end - address;
}

static int reserve(uint64_t address, uint64_t size, int placement)
{
    void *wanted = (void *)(uintptr_t)address;
    int how = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | placement;
    void *got = mmap(wanted, size, PROT_NONE, how, -1, 0);
    if (got == MAP_FAILED && errno == ENOMEM && placement == MAP_FIXED && munmap(wanted, size) == 0) {
        /* With as many mappings as there may be (vm.max_map_count) not even one that replaces others is made. */
        got = mmap(wanted, size, PROT_NONE, how, -1, 0);
    }
    if (got == MAP_FAILED) {
        return errno;
    }
    if (got != wanted) {
        /* A kernel before 4.17 takes MAP_FIXED_NOREPLACE for a hint. */
        munmap(got, size);
        return EEXIST;
    }
    /* A debugger that writes a core file would write all of it, zero by zero. */
    (void)madvise(wanted, size, MADV_DONTDUMP);
    return 0;
}

/* The whole window; or, under a program that has its own code at SPACE_VALGRIND_START, what lies below that. */
int space_reserve_window(void)
{
    static const uint64_t ends[] = {SPACE_WINDOW_END, SPACE_VALGRIND_START};
    int error = 0;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        error = reserve(SPACE_WINDOW_START, ends[i] - SPACE_WINDOW_START, MAP_FIXED_NOREPLACE);
        if (error == 0) {
            space_window_end = ends[i];
            return 0;
        }
    }
    return error;
}

/* ---- Maps and unmaps ---- */

static bool is_page_aligned(uint64_t number)
{
    return number % space_page_size == 0;
}

/* All that can be said of one segment by itself. */
static bool is_segment_valid(const struct space_segment *segment, uint64_t length)
{
    const uint32_t known = SPACE_READABLE | SPACE_WRITABLE | SPACE_EXECUTABLE;
    const uint32_t both = SPACE_WRITABLE | SPACE_EXECUTABLE;
    uint32_t protection = segment->protection;
    return is_page_aligned(segment->address) && is_page_aligned(segment->file_offset)
        && segment->memory_size > 0 && is_in_window(segment->address, segment->memory_size)
        /* One of zeros only has its place behind the end of the file. */
        && (segment->file_size == 0
            || (segment->file_size <= length && segment->file_offset <= length - segment->file_size))
        && segment->file_size <= segment->memory_size
        && (segment->file_size == segment->memory_size || (protection & SPACE_WRITABLE) != 0)
        && protection != 0 && (protection & ~known) == 0 && (protection & both) != both && segment->reserved == 0;
}

static bool overlap(const struct space_segment *a, const struct space_segment *b)
{
    return a->address < b->address + round_up(b->memory_size) && b->address < a->address + round_up(a->memory_size);
}

static int check_segments(const struct space_request *request, uint64_t length)
{
    if (request->count == 0 || request->count > SPACE_SEGMENT_LIMIT) {
        return EINVAL;
    }
    for (uint32_t i = 0; i < request->count; i++) {
        if (!is_segment_valid(&request->segments[i], length)) {
            return EINVAL;
        }
        for (uint32_t j = 0; j < i; j++) {
            if (overlap(&request->segments[i], &request->segments[j])) {
                return EINVAL;
            }
        }
    }
    for (uint32_t i = 0; i < request->count; i++) {
        const struct space_segment *segment = &request->segments[i];
        struct page *last = page_at(segment->address + segment->memory_size - 1);
        for (struct page *page = page_at(segment->address); page <= last; page++) {
            if (page->image != 0) {
                return EEXIST;
            }
        }
    }
    return 0;
}

static int memory_protection(uint32_t protection)
{
    int readable = (protection & SPACE_READABLE) != 0 ? PROT_READ : 0;
    int writable = (protection & SPACE_WRITABLE) != 0 ? PROT_WRITE : 0;
    int executable = (protection & SPACE_EXECUTABLE) != 0 ? PROT_EXEC : 0;
    return readable | writable | executable;
}

/*
 * Copies from `from` to `to` by way of a pipe, so that the kernel touches both: what is not there, be it that a
 * module unmapped it or that somebody cut the file short, is an error then, and no signal to the server's
 * thread. At most LARGEST_PAGE bytes, which an empty pipe holds.
 */
static int copy(void *to, const void *from, uint64_t size)
{
    int ends[2];
    if (size == 0) {
        return 0;
    }
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return errno;
    }
    ssize_t done = write(ends[1], from, size);
    if (done == (ssize_t)size) {
        done = read(ends[0], to, size);
    }
    int error = done == (ssize_t)size ? 0 : done < 0 ? errno : EFAULT;
    close(ends[0]);
    close(ends[1]);
    return error;
}

/* Maps over the reservation. */
static int place(void *address, uint64_t size, int protection, int source, int file, uint64_t offset)
{
    void *got = mmap(address, size, protection, MAP_PRIVATE | MAP_FIXED | source, file, (off_t)offset);
    return got == MAP_FAILED ? errno : 0;
}

static int map_segment(const struct space_segment *segment, int image)
{
    static const char zeros[LARGEST_PAGE];
    int protection = memory_protection(segment->protection);
    uint64_t from_file = round_up(segment->file_size);
    uint64_t whole = round_up(segment->memory_size);
    void *address = (void *)(uintptr_t)segment->address;
    /* Private, of the file: profilers name functions by the file that a page of code comes from. */
    int error = from_file > 0 ? place(address, from_file, protection, 0, image, segment->file_offset) : 0;
    /* In the last page of the file's part stands whatever the file goes on with; a program expects zeros. */
    uint64_t tail = from_file - segment->file_size;
    if (error == 0 && (segment->protection & SPACE_WRITABLE) != 0) {
        error = copy((char *)address + segment->file_size, zeros, tail);
    }
    if (error == 0 && whole > from_file) {
        error = place((char *)address + from_file, whole - from_file, protection, MAP_ANONYMOUS, -1, 0);
    }
    return error;
}

/* Returns the image's lowest address. */
static uint64_t record_image(const struct space_request *request)
{
    uint64_t image = UINT64_MAX;
    uint64_t end = 0;
    for (uint32_t i = 0; i < request->count; i++) {
        const struct space_segment *segment = &request->segments[i];
        uint64_t segment_end = segment->address + round_up(segment->memory_size);
        image = segment->address < image ? segment->address : image;
        end = segment_end > end ? segment_end : end;
    }
    page_at(image)->image_size = end - image;
    page_at(image)->frames = 0;
    page_at(image)->objects = NULL;
    page_at(image)->destructors = 0;
    page_at(image)->record = 0;
    page_at(image)->exit_functions = 0;
    for (uint32_t i = 0; i < request->count; i++) {
        const struct space_segment *segment = &request->segments[i];
        struct page *last = page_at(segment->address + segment->memory_size - 1);
        for (struct page *page = page_at(segment->address); page <= last; page++) {
            page->protection = segment->protection;
            page->image = (uint32_t)image;
        }
    }
    return image;
}

bool space_is_code_of_file(uint64_t address)
{
    /* What is writable as well is a flat image's, and lies in no file. */
    return is_in_window(address, 1) && page_at(address)->image != 0
        && (page_at(address)->protection & (SPACE_EXECUTABLE | SPACE_WRITABLE)) == SPACE_EXECUTABLE;
}

int space_map(const struct space_request *request, int image)
{
    struct stat status;
    if (fstat(image, &status) != 0) {
        return errno;
    }
    if (!S_ISREG(status.st_mode)) {
        return EINVAL;
    }
    int error = check_segments(request, (uint64_t)status.st_size);
    if (error != 0) {
        return error;
    }
    for (uint32_t i = 0; i < request->count; i++) {
        error = map_segment(&request->segments[i], image);
        if (error != 0) {
            for (uint32_t j = 0; j <= i; j++) {
                reserve(request->segments[j].address, round_up(request->segments[j].memory_size), MAP_FIXED);
            }
            return error;
        }
    }
    uint64_t address = record_image(request);
    error = space_note_image(address, image);
    if (error != 0) {
        struct space_reply unused;
        space_unmap(address, page_at(address)->image_size, true, &unused);
    }
    return error;
}

int space_map_flat(uint64_t address, uint64_t size)
{
    if (!is_page_aligned(address) || size == 0 || !is_in_window(address, size)) {
        return EINVAL;
    }
    struct page *last = page_at(address + size - 1);
    for (struct page *page = page_at(address); page <= last; page++) {
        if (page->image != 0) {
            return EEXIST;
        }
    }
    const uint32_t protection = SPACE_READABLE | SPACE_WRITABLE | SPACE_EXECUTABLE;
    uint64_t whole = round_up(size);
    int error = place((void *)(uintptr_t)address, whole, memory_protection(protection), MAP_ANONYMOUS, -1, 0);
    if (error != 0) {
        reserve(address, whole, MAP_FIXED);
        return error;
    }
    struct page *first = page_at(address);
    first->image_size = whole;
    first->frames = 0;
    first->objects = NULL;
    first->destructors = 0;
    first->record = 0;
    first->exit_functions = 0;
    for (struct page *page = first; page <= last; page++) {
        page->protection = protection;
        page->image = (uint32_t)address;
    }
    return 0;
}

int space_unmap(uint64_t address, uint64_t size, bool discards, struct space_reply *reply)
{
    if (!is_page_aligned(address) || size == 0 || !is_in_window(address, size) || page_at(address)->image != address
        || page_at(address)->image_size != size) {
        return EINVAL;
    }
    if (discards) {
        space_discard_destructors(space_first_lane.worker, address);
    }
    if (page_at(address)->frames != 0 || page_at(address)->destructors != 0) {
        return EBUSY;
    }
    kernel_end_callouts(address);
    reply->result = space_descriptors(address, discards, reply);
    space_forget_descriptors(address);
    space_forget(address);
    space_forget_senders(address);
    space_forget_signals(address);
    space_forget_buffer(address);
    space_forget_kept(address);
    reply->bytes[0] = (uint8_t)space_restore_state(address);
    space_bury_threads(address);
    /* First: a debugger takes its breakpoints out of the code now. */
    space_unregister(address);
    space_forget_image(address);
    /*
     * Another image may lie in a gap between two segments of this one: page by page, then, but whole runs at a
     * time.
     */
    uint64_t end = address + size;
    for (uint64_t start = address, next; start < end; start = next) {
        bool own = page_at(start)->image == address;
        next = start;
        do {
            next += space_page_size;
        } while (next < end && (page_at(next)->image == address) == own);
        int error = own ? reserve(start, next - start, MAP_FIXED) : 0;
        if (error != 0) {
            return error;
        }
    }
    for (struct page *page = page_at(address), *last = page_at(end - 1); page <= last; page++) {
        if (page->image == address) {
            page->image = 0;
        }
    }
    return 0;
}

/* ---- Questions and copies ---- */

bool space_is_mapped(uint64_t address, uint64_t size, uint32_t protection)
{
    if (!is_in_window(address, size)) {
        return false;
    }
    if (size == 0) {
        return true;
    }
    struct page *last = page_at(address + size - 1);
    for (struct page *page = page_at(address); page <= last; page++) {
        if (page->image == 0 || (page->protection & protection) != protection) {
            return false;
        }
    }
    return true;
}

uint64_t space_image_at(uint64_t address)
{
    return address >= SPACE_WINDOW_START && address < SPACE_WINDOW_END ? page_at(address)->image : 0;
}

bool space_is_image(uint64_t address)
{
    return address != 0 && space_image_at(address) == address;
}

uint64_t space_image_size(uint64_t image)
{
    return page_at(image)->image_size;
}

struct space_debug_header **space_image_objects(uint64_t image)
{
    return &page_at(image)->objects;
}

uint64_t *space_image_frames(uint64_t image)
{
    return &page_at(image)->frames;
}

_Atomic uint32_t *space_image_record(uint64_t image)
{
    return &page_at(image)->record;
}

_Atomic uint32_t *space_image_destructors(uint64_t image)
{
    return &page_at(image)->destructors;
}

_Atomic uint32_t *space_image_exit_functions(uint64_t image)
{
    return &page_at(image)->exit_functions;
}

int space_copy_image(uint64_t address, uint64_t size, void *bytes)
{
    if (size > 0 && !space_is_mapped(address, size, SPACE_READABLE)) {
        return EFAULT;
    }
    for (uint64_t done = 0; done < size;) {
        uint64_t piece = size - done < SMALLEST_PAGE ? size - done : SMALLEST_PAGE;
        int error = copy((char *)bytes + done, (const void *)(uintptr_t)(address + done), piece);
        if (error != 0) {
            return error;
        }
        done += piece;
    }
    return 0;
}

int space_read(uint64_t address, uint64_t size, void *bytes)
{
    if (size > SPACE_BYTE_LIMIT) {
        return EINVAL;
    }
    const void *from = (const void *)(uintptr_t)address;
    return space_is_mapped(address, size, SPACE_READABLE) ? copy(bytes, from, size) : EFAULT;
}

int space_write(uint64_t address, uint64_t size, const void *bytes)
{
    if (size > SPACE_BYTE_LIMIT) {
        return EINVAL;
    }
    void *to = (void *)(uintptr_t)address;
    return space_is_mapped(address, size, SPACE_WRITABLE) ? copy(to, bytes, size) : EFAULT;
}

/* Straight into the image: pread(2) says EFAULT for what a module has unmapped by itself. */
int space_fill(uint64_t address, uint64_t size, int file)
{
    struct stat status;
    if (fstat(file, &status) != 0) {
        return errno;
    }
    if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size < size) {
        return EINVAL;
    }
    if (!space_is_mapped(address, size, SPACE_WRITABLE)) {
        return EFAULT;
    }
    for (uint64_t done = 0; done < size;) {
        ssize_t count = pread(file, (void *)(uintptr_t)(address + done), size - done, (off_t)done);
        if (count == 0) {
            return EIO;
        }
        if (count < 0 && errno != EINTR) {
            return errno;
        }
        done += count > 0 ? (uint64_t)count : 0;
    }
    return 0;
}
