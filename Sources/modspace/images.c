/*
 * Images as ELF files: what code wants to know that asks a dynamic linker which files are in the process (unwinders,
 * garbage collectors, sanitizers, run-time libraries of other languages).
 *
 * An image begins with its ELF header and program headers, in a page that is read only. They are looked at once, when the image
 * is mapped, and every number is checked. What is found stands in a record, which stays in its place for ever, so that
 * readers take no lock: a thread that was stopped inside one would keep it. A record is used again for another image only
 * after the readers have left, or have not left for long.
 */
#define _GNU_SOURCE
#include "images.h"
#include "modspace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A process may have 65,530 mappings, and an image takes two of them at least. Images beyond this many are not listed. */
#define LIMIT 32768
/* How long a reader may keep an image from going: one that takes longer was stopped. */
#define PATIENCE_MILLISECONDS 50

static struct space_record records[LIMIT];
/* Those from here on have never been used. */
static _Atomic uint32_t end;
/* Threads that look at records; and how many of these are never going to leave. */
static _Atomic uint32_t readers;
static uint32_t stopped_readers;
static _Atomic uint32_t added, removed;

uint32_t space_images_added(void)
{
    return atomic_load(&added);
}

uint32_t space_images_removed(void)
{
    return atomic_load(&removed);
}

void space_begin_reading(void)
{
    atomic_fetch_add(&readers, 1);
}

void space_end_reading(void *unused)
{
    (void)unused;
    atomic_fetch_sub(&readers, 1);
}

struct space_record *space_next_record(struct space_record *previous)
{
    struct space_record *it = previous == NULL ? records : previous + 1;
    for (struct space_record *last = records + atomic_load(&end); it < last; it++) {
        if (atomic_load(&it->image) != 0) {
            return it;
        }
    }
    return NULL;
}

size_t space_record_number(const struct space_record *it)
{
    return (size_t)(it - records);
}

struct space_record *space_record_at(uint64_t address)
{
    uint64_t image = space_image_at(address);
    uint32_t number = image == 0 ? 0 : atomic_load(space_image_record(image));
    return number == 0 ? NULL : &records[number - 1];
}

struct space_record *space_record_of_map(const void *map)
{
    uintptr_t offset = (uintptr_t)map - (uintptr_t)&records[0].map;
    struct space_record *it = &records[offset / sizeof records[0] % LIMIT];
    return map == &it->map && atomic_load(&it->image) != 0 ? it : NULL;
}

/* The program headers of an image that has any: they lie in its first page, which is not writable. */
static const ElfW(Phdr) *program_headers(uint64_t image, size_t *count)
{
    const ElfW(Ehdr) *header = (const void *)(uintptr_t)image;
    if (!space_is_mapped(image, sizeof *header, SPACE_READABLE) || space_is_mapped(image, 1, SPACE_WRITABLE)
        || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0
        || header->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)
        || header->e_phentsize != sizeof(ElfW(Phdr)) || header->e_phoff % sizeof(void *) != 0) {
        return NULL;
    }
    uint64_t size = header->e_phnum * sizeof(ElfW(Phdr));
    if (header->e_phoff > space_page_size || size > space_page_size - header->e_phoff) {
        return NULL;
    }
    *count = header->e_phnum;
    return (const void *)(uintptr_t)(image + header->e_phoff);
}

/* The first program header of a type, or NULL. */
const ElfW(Phdr) *space_header_of_type(const struct space_record *it, uint32_t type)
{
    for (size_t i = 0; i < it->header_count; i++) {
        if (it->headers[i].p_type == type) {
            return &it->headers[i];
        }
    }
    return NULL;
}

/* Those that have been given back. */
static struct space_record *unused;

/* Nothing is looked for: a load costs as much with ten thousand images as with one. */
static struct space_record *unused_record(void)
{
    struct space_record *it = unused;
    if (it != NULL) {
        unused = it->next_unused;
        return it;
    }
    uint32_t count = atomic_load(&end);
    if (count == LIMIT) {
        return NULL;
    }
    atomic_store(&end, count + 1);
    return &records[count];
}

static void give_back(struct space_record *it)
{
    it->next_unused = unused;
    unused = it;
}

static void name_record(struct space_record *it, int file)
{
    char link[32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, it->name, sizeof it->name - 1);
    struct stat status;
    /* A name that was cut names another file, or none. */
    bool is_whole = length > 0 && length < (ssize_t)sizeof it->name - 1 && fstat(file, &status) == 0;
    it->name[is_whole ? length : 0] = '\0';
    it->device = is_whole ? status.st_dev : 0;
    it->inode = is_whole ? status.st_ino : 0;
    /* Images are in memory where the runtime directory is on a file system without code. */
    it->copy = NULL;
    if (is_whole && strncmp(it->name, "/memfd:", 7) == 0) {
        it->copy_size = (uint64_t)status.st_size;
        void *copy = mmap(NULL, it->copy_size, PROT_READ, MAP_PRIVATE, file, 0);
        it->copy = copy == MAP_FAILED ? NULL : copy;
    }
}

static void forget_copy(const struct space_record *it)
{
    if (it->copy != NULL) {
        munmap(it->copy, it->copy_size);
    }
}

int space_note_image(uint64_t image, int file)
{
    size_t count = 0;
    const ElfW(Phdr) *headers = program_headers(image, &count);
    struct space_record *it = headers == NULL ? NULL : unused_record();
    if (it == NULL) {
        return 0;
    }
    it->headers = headers;
    it->header_count = count;
    it->thread_block = 0;
    it->has_threads = false;
    it->map = (struct link_map){.l_name = it->name};
    name_record(it, file);
    const ElfW(Phdr) *stack = space_header_of_type(it, PT_GNU_STACK);
    if (stack != NULL && (stack->p_flags & PF_X) != 0) {
        int error = space_make_stacks_executable();
        if (error != 0) {
            forget_copy(it);
            give_back(it);
            return error;
        }
    }
    atomic_store(&it->image, (uint32_t)image);
    atomic_store(space_image_record(image), (uint32_t)(it - records) + 1);
    atomic_fetch_add(&added, 1);
    return 0;
}

/* Returns false when some reader does not leave in time: it may be one that looks at the image. */
static bool await_readers(void)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int i = 0; i < PATIENCE_MILLISECONDS && atomic_load(&readers) > stopped_readers; i++) {
        nanosleep(&moment, NULL);
    }
    uint32_t left = atomic_load(&readers);
    bool have_left = left <= stopped_readers;
    stopped_readers = left;
    return have_left;
}

void space_forget_image(uint64_t image)
{
    struct space_record *it = space_record_at(image);
    if (it == NULL) {
        return;
    }
    atomic_store(space_image_record(image), 0);
    atomic_store(&it->image, 0);
    /* A record that somebody may still read is not used again; there are few of them, and room for many. */
    struct space_symbols *symbols = atomic_load(&it->symbols);
    if (await_readers()) {
        atomic_store(&it->symbols, NULL);
        space_close_symbols(symbols);
        forget_copy(it);
        give_back(it);
    }
    atomic_fetch_add(&removed, 1);
}

void space_note_threads(uint64_t address, uint64_t size, uint64_t offset)
{
    struct space_record *it = space_record_at(address);
    if (it != NULL) {
        it->thread_block = space_reserve_offset() + (int64_t)offset;
        it->has_threads = size > 0;
    }
}
