/*
 * Symbol tables of files on disk: those of images, and the program's own. They are not part of the process's memory; the
 * first who asks for a symbol has the file mapped. Each number of the file is checked before it is used.
 */
#define _GNU_SOURCE
#include "images.h"
#include "modspace.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct space_symbols {
    /* The file: whether closing unmaps it. */
    bool is_own;
    const char *bytes;
    uint64_t size;
    const ElfW(Sym) *entries;
    uint32_t count;
    const char *names;
    uint64_t names_size;
    /* Names that modules are offered, sorted, each ended by a zero byte. In the program's own file only. */
    const char *offered;
    uint64_t offered_size;
    /* Global symbols by the hash of their name: the first of each bucket, and for each symbol the next; 0 ends a list. */
    uint32_t bucket_mask;
    uint32_t *buckets;
    uint32_t *next;
    uint64_t tables_size;
};

static const void *part(const struct space_symbols *it, uint64_t offset, uint64_t size)
{
    return offset <= it->size && size <= it->size - offset && offset % sizeof(void *) == 0 ? it->bytes + offset : NULL;
}

static uint32_t hash(const char *name)
{
    uint32_t hash = 5381;
    for (; *name != '\0'; name++) {
        hash = hash * 33 + (unsigned char)*name;
    }
    return hash;
}

/* The name of a symbol; it ends inside of the file, because the names end with a zero byte. */
static const char *name_of(const struct space_symbols *it, const ElfW(Sym) *entry)
{
    return entry->st_name < it->names_size ? it->names + entry->st_name : "";
}

/* Of a file that says how many sections it has in its header, as all but the largest do. */
static bool find_tables(struct space_symbols *it)
{
    const ElfW(Ehdr) *header = part(it, 0, sizeof *header);
    if (header == NULL || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_shentsize != sizeof(ElfW(Shdr))) {
        return false;
    }
    uint64_t sections_size = header->e_shnum * sizeof(ElfW(Shdr));
    const ElfW(Shdr) *sections = part(it, header->e_shoff, sections_size);
    if (sections == NULL || header->e_shstrndx >= header->e_shnum) {
        return false;
    }
    const ElfW(Shdr) *labels = &sections[header->e_shstrndx];
    for (uint32_t i = 0; i < header->e_shnum; i++) {
        const ElfW(Shdr) *section = &sections[i];
        if (section->sh_offset > it->size || section->sh_size > it->size - section->sh_offset) {
            continue;
        }
        if (section->sh_type == SHT_SYMTAB && section->sh_link < header->e_shnum) {
            const ElfW(Shdr) *names = &sections[section->sh_link];
            it->entries = part(it, section->sh_offset, section->sh_size);
            it->count = (uint32_t)(section->sh_size / sizeof(ElfW(Sym)));
            if (names->sh_size > 0 && names->sh_offset <= it->size && names->sh_size <= it->size - names->sh_offset
                && it->bytes[names->sh_offset + names->sh_size - 1] == '\0') {
                it->names = it->bytes + names->sh_offset;
                it->names_size = names->sh_size;
            }
        }
        static const char offered[] = ".modlink.resident";
        uint64_t label = labels->sh_offset + section->sh_name;
        if (section->sh_size > 0 && label >= labels->sh_offset && label <= it->size && sizeof offered <= it->size - label
            && memcmp(it->bytes + label, offered, sizeof offered) == 0
            && it->bytes[section->sh_offset + section->sh_size - 1] == '\0') {
            it->offered = it->bytes + section->sh_offset;
            it->offered_size = section->sh_size;
        }
    }
    return it->entries != NULL && it->names != NULL;
}

static bool is_defined(const ElfW(Sym) *entry)
{
    return entry->st_shndx != SHN_UNDEF && ELF32_ST_TYPE(entry->st_info) != STT_SECTION
        && ELF32_ST_TYPE(entry->st_info) != STT_FILE;
}

static bool is_global(const ElfW(Sym) *entry)
{
    return is_defined(entry) && ELF32_ST_BIND(entry->st_info) != STB_LOCAL;
}

static bool make_index(struct space_symbols *it)
{
    uint64_t buckets = 16;
    while (buckets < it->count) {
        buckets *= 2;
    }
    it->tables_size = (buckets + it->count) * sizeof(uint32_t);
    it->buckets = mmap(NULL, it->tables_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (it->buckets == MAP_FAILED) {
        return false;
    }
    it->bucket_mask = (uint32_t)buckets - 1;
    it->next = it->buckets + buckets;
    /* From the last to the first, so that the first of several of one name is found first. */
    for (uint32_t i = it->count; i-- > 1;) {
        if (is_global(&it->entries[i])) {
            uint32_t *bucket = &it->buckets[hash(name_of(it, &it->entries[i])) & it->bucket_mask];
            it->next[i] = *bucket;
            *bucket = i;
        }
    }
    return true;
}

struct space_symbols *space_read_symbols(const void *bytes, uint64_t size)
{
    struct space_symbols it = {.bytes = bytes, .size = size};
    /* Not of malloc: see modspace.h. */
    struct space_symbols *kept = MAP_FAILED;
    if (find_tables(&it) && make_index(&it)) {
        kept = mmap(NULL, sizeof *kept, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (kept == MAP_FAILED) {
            munmap(it.buckets, it.tables_size);
        }
    }
    if (kept == MAP_FAILED) {
        return NULL;
    }
    *kept = it;
    return kept;
}

struct space_symbols *space_open_symbols(const char *name, dev_t device, ino_t inode)
{
    struct stat status;
    int file = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
        return NULL;
    }
    bool is_right = fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0
        && (inode == 0 || (status.st_dev == device && status.st_ino == inode));
    uint64_t size = is_right ? (uint64_t)status.st_size : 0;
    void *bytes = is_right ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0) : MAP_FAILED;
    close(file);
    struct space_symbols *it = bytes == MAP_FAILED ? NULL : space_read_symbols(bytes, size);
    if (it != NULL) {
        it->is_own = true;
    } else if (bytes != MAP_FAILED) {
        munmap(bytes, size);
    }
    return it;
}

void space_close_symbols(struct space_symbols *it)
{
    if (it != NULL) {
        munmap(it->buckets, it->tables_size);
        if (it->is_own) {
            munmap((void *)(uintptr_t)it->bytes, it->size);
        }
        munmap(it, sizeof *it);
    }
}

bool space_find_name(const struct space_symbols *it, const char *name, struct space_symbol *found)
{
    for (uint32_t i = it->buckets[hash(name) & it->bucket_mask]; i != 0; i = it->next[i]) {
        if (strcmp(name_of(it, &it->entries[i]), name) == 0) {
            *found = (struct space_symbol){.name = name_of(it, &it->entries[i]), .entry = &it->entries[i]};
            return true;
        }
    }
    return false;
}

bool space_find_address(const struct space_symbols *it, uint64_t address, struct space_symbol *found)
{
    const ElfW(Sym) *best = NULL;
    for (uint32_t i = 1; i < it->count; i++) {
        const ElfW(Sym) *entry = &it->entries[i];
        if (!is_defined(entry) || ELF32_ST_TYPE(entry->st_info) == STT_TLS || entry->st_shndx == SHN_ABS
            || entry->st_value > address || *name_of(it, entry) == '\0'
            || (entry->st_size != 0 && address - entry->st_value >= entry->st_size)) {
            continue;
        }
        if (best == NULL || entry->st_value > best->st_value
            || (entry->st_value == best->st_value && is_global(entry) && !is_global(best))) {
            best = entry;
        }
    }
    if (best != NULL) {
        *found = (struct space_symbol){.name = name_of(it, best), .entry = best};
    }
    return best != NULL;
}

bool space_is_offered(const struct space_symbols *it, const char *name)
{
    /* Between `low` and `high` lie whole names. */
    uint64_t low = 0, high = it->offered_size;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        while (middle > low && it->offered[middle - 1] != '\0') {
            middle--;
        }
        int order = strcmp(name, it->offered + middle);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + strlen(it->offered + middle) + 1;
        }
    }
    return false;
}
