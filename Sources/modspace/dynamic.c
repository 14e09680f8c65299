/*
 * What programs ask of a dynamic linker, for modules: dl_iterate_phdr, dladdr, dlsym and their like, and __tls_get_addr.
 *
 * libc.a's own know the program, and shared libraries that dlopen has brought into it. These here know the images as well, and what
 * the space offers modules; what is neither, they leave to libc.a. No request goes to the daemon, which waits for the caller.
 *
 * RTLD_DEFAULT is the order in which the linker looks for a symbol: what the space offers, then what the images export, in the
 * order of their records. RTLD_NEXT is the same without the image that asks.
 */
#define _GNU_SOURCE
#include "images.h"
#include "modspace.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* libc.a's, by names that nothing here redefines; _dl_find_object by the name that Scripts/build-space gives it. */
void *___dlopen(const char *file, int mode);
void *___dlmopen(Lmid_t space, const char *file, int mode);
void *___dlsym(void *handle, const char *name);
void *___dlvsym(void *handle, const char *name, const char *version);
int __dlclose(void *handle);
int __dladdr(const void *address, Dl_info *info);
int __dladdr1(const void *address, Dl_info *info, void **extra, int flags);
int __dlinfo(void *handle, int request, void *argument);
char *__dlerror(void);
int __dl_iterate_phdr(int (*callback)(struct dl_phdr_info *, size_t, void *), void *data);
int space_libc_find_object(void *address, struct dl_find_object *result);

/* The linker's: where the program begins and ends. */
extern const char __executable_start[], _end[];

/* ---- Errors ---- */

/* dlerror's next answer, if it is ours. */
static __thread char message[256];
static __thread bool has_failed;

__attribute__((format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    has_failed = true;
}

char *dlerror(void)
{
    if (!has_failed) {
        return __dlerror();
    }
    has_failed = false;
    /* What libc.a had to say is older. */
    (void)__dlerror();
    return message;
}

/* Something is asked of libc.a: what failed before is of no interest any more. */
static void leave_to_library(void)
{
    has_failed = false;
}

/* ---- Thread-local variables ---- */

struct thread_variable {
    unsigned long module;
    unsigned long offset;
};

/* A thread's descriptor begins with its own address and that of its vector of blocks, of which each has an entry of two words. */
static char *block_of(unsigned long module)
{
    void ***descriptor = (void ***)pthread_self();
    void **vector = descriptor[1];
    /* Before the vector stands how many modules it has room for. */
    if (module == 0 || module > (uintptr_t)vector[-2]) {
        return NULL;
    }
    void *block = vector[2 * module];
    return block == (void *)-1 ? NULL : block;
}

/*
 * Where a thread-local variable is. The number of a module is the lowest address of its image, and the offset is counted from its
 * variables; or 0, and the offset is counted from the thread pointer: see the linker. The program and shared libraries have
 * small numbers, of libc.a.
 */
static void *find_variable(const struct thread_variable *variable)
{
    char *pointer = (char *)pthread_self();
    if (variable->module == 0) {
        return pointer + (long)variable->offset;
    }
    struct space_record *it = space_record_at(variable->module);
    if (it != NULL && atomic_load(&it->image) == variable->module) {
        return pointer + it->thread_block + (long)variable->offset;
    }
    char *block = block_of(variable->module);
    return block == NULL ? NULL : block + variable->offset;
}

void *__tls_get_addr(const struct thread_variable *variable);
void *__tls_get_addr(const struct thread_variable *variable)
{
    return find_variable(variable);
}

#if defined(__i386__)
/* The same with its argument in %eax: what compilers call (i386 psABI supplement, "Thread-Local Storage"). */
__attribute__((regparm(1))) void *___tls_get_addr(const struct thread_variable *variable);
__attribute__((regparm(1))) void *___tls_get_addr(const struct thread_variable *variable)
{
    return find_variable(variable);
}
#endif

/* ---- Files ---- */

/* Shared libraries that are listed: more than programs have. */
#define LIBRARIES 64

struct list {
    size_t count;
    struct dl_phdr_info entries[LIBRARIES];
};

static int add_to_list(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    struct list *list = argument;
    if (list->count < LIBRARIES) {
        list->entries[list->count++] = *info;
    }
    return 0;
}

static struct dl_phdr_info information(const struct space_record *it)
{
    struct dl_phdr_info info = {.dlpi_name = it->name, .dlpi_phdr = it->headers, .dlpi_phnum = (ElfW(Half))it->header_count};
    if (it->has_threads) {
        info.dlpi_tls_modid = (size_t)atomic_load(&it->image);
        info.dlpi_tls_data = (char *)pthread_self() + it->thread_block;
    }
    return info;
}

typedef int phdr_callback(struct dl_phdr_info *, size_t, void *);

/*
 * The program and its libraries come first. libc.a holds a lock while it lists them, and a module's function may never return:
 * it is called when the lock is free again.
 */
static int iterate(phdr_callback *callback, void *data)
{
    struct list list = {0};
    __dl_iterate_phdr(add_to_list, &list);
    unsigned long long libraries = list.count == 0 ? 0 : list.entries[0].dlpi_adds;
    unsigned long long closed = list.count == 0 ? 0 : list.entries[0].dlpi_subs;
    int result = 0;
    struct space_record *it = NULL;
    for (size_t i = 0; result == 0; i++) {
        struct dl_phdr_info info;
        if (i < list.count) {
            info = list.entries[i];
        } else if ((it = space_next_record(it)) != NULL) {
            info = information(it);
        } else {
            break;
        }
        info.dlpi_adds = libraries + space_images_added();
        info.dlpi_subs = closed + space_images_removed();
        result = callback(&info, sizeof info, data);
    }
    return result;
}

int dl_iterate_phdr(phdr_callback *callback, void *data)
{
    int result;
    space_begin_reading();
    pthread_cleanup_push(space_end_reading, NULL);
    result = iterate(callback, data);
    pthread_cleanup_pop(1);
    return result;
}

int _dl_find_object(void *address, struct dl_find_object *result)
{
    space_begin_reading();
    struct space_record *it = space_record_at((uintptr_t)address);
    if (it != NULL) {
        uint64_t image = atomic_load(&it->image);
        const ElfW(Phdr) *frames = space_header_of_type(it, PT_GNU_EH_FRAME);
        memset(result, 0, sizeof *result);
        result->dlfo_map_start = (void *)(uintptr_t)image;
        result->dlfo_map_end = (void *)(uintptr_t)(image + space_image_size(image));
        result->dlfo_link_map = &it->map;
        result->dlfo_eh_frame = frames == NULL ? NULL : (void *)(uintptr_t)frames->p_vaddr;
    }
    space_end_reading(NULL);
    return it != NULL ? 0 : space_libc_find_object(address, result);
}

/* ---- Symbols ---- */

/* Of whom a handle is that dlopen gives for the program. */
static struct link_map program = {.l_name = ""};

/* Keeps the symbols of a file, unless another thread was faster. */
static struct space_symbols *keep(struct space_symbols *_Atomic *kept, struct space_symbols *opened)
{
    struct space_symbols *known = NULL;
    if (opened != NULL && !atomic_compare_exchange_strong(kept, &known, opened)) {
        space_close_symbols(opened);
        return known;
    }
    return opened;
}

/* They are read when the first asks for them. */
static struct space_symbols *program_symbols(void)
{
    static struct space_symbols *_Atomic kept;
    struct space_symbols *known = atomic_load(&kept);
    return known != NULL ? known : keep(&kept, space_open_symbols("/proc/self/exe", 0, 0));
}

static struct space_symbols *read_image_symbols(const struct space_record *it)
{
    return it->copy != NULL ? space_read_symbols(it->copy, it->copy_size)
        : it->name[0] != '\0' ? space_open_symbols(it->name, it->device, it->inode) : NULL;
}

static struct space_symbols *image_symbols(struct space_record *it)
{
    struct space_symbols *known = atomic_load(&it->symbols);
    return known != NULL ? known : keep(&it->symbols, read_image_symbols(it));
}

/* The address that a symbol has for those who look it up. `block`: where the thread-local variables of its file are. */
static void *address_of(const struct space_symbol *symbol, char *block)
{
    const ElfW(Sym) *entry = symbol->entry;
    switch (ELF32_ST_TYPE(entry->st_info)) {
    case STT_TLS:
        return block + entry->st_value;
    case STT_GNU_IFUNC:
        return ((void *(*)(void))(uintptr_t)entry->st_value)();
    default:
        return (void *)(uintptr_t)entry->st_value;
    }
}

static bool find_in_program(const char *name, void **address)
{
    struct space_symbol symbol;
    struct space_symbols *symbols = program_symbols();
    bool is_found = symbols != NULL && space_is_offered(symbols, name) && space_find_name(symbols, name, &symbol);
    if (is_found) {
        *address = address_of(&symbol, block_of(1));
    }
    return is_found;
}

/*
 * Whose symbols are kept by those who look for a name everywhere: each takes mappings, of which a process may have so many only.
 * The records before this one; of others, the symbols are read each time.
 */
#define KEPT 1024

static bool find_in_image(struct space_record *it, const char *name, void **address)
{
    struct space_symbol symbol;
    bool is_kept = atomic_load(&it->symbols) != NULL || space_record_number(it) < KEPT;
    struct space_symbols *symbols = is_kept ? image_symbols(it) : read_image_symbols(it);
    bool is_found = symbols != NULL && space_find_name(symbols, name, &symbol);
    if (is_found) {
        *address = address_of(&symbol, (char *)pthread_self() + it->thread_block);
    }
    if (!is_kept) {
        space_close_symbols(symbols);
    }
    return is_found;
}

/* Looks everywhere but in one image (NULL: everywhere). */
static bool find_everywhere(const char *name, const struct space_record *but, void **address)
{
    if (find_in_program(name, address)) {
        return true;
    }
    for (struct space_record *it = space_next_record(NULL); it != NULL; it = space_next_record(it)) {
        if (it != but && find_in_image(it, name, address)) {
            return true;
        }
    }
    return false;
}

/* Returns false when the handle is libc.a's. */
static bool find(void *handle, const char *name, const void *caller, void **address)
{
    struct space_record *it = NULL;
    bool is_next = handle == RTLD_NEXT;
    bool is_everywhere = is_next || handle == RTLD_DEFAULT || handle == &program;
    if (!is_everywhere && (it = space_record_of_map(handle)) == NULL) {
        return false;
    }
    space_begin_reading();
    bool is_found = is_everywhere ? find_everywhere(name, is_next ? space_record_at((uintptr_t)caller) : NULL, address)
                                  : find_in_image(it, name, address);
    space_end_reading(NULL);
    if (!is_found) {
        *address = NULL;
        fail("%s: undefined symbol: %s", it == NULL ? "modspace" : it->name, name);
    }
    return true;
}

void *dlsym(void *restrict handle, const char *restrict name)
{
    void *address;
    if (find(handle, name, __builtin_return_address(0), &address)) {
        return address;
    }
    leave_to_library();
    return ___dlsym(handle, name);
}

/* Neither the program nor an image has versions: each name is there once. */
void *dlvsym(void *restrict handle, const char *restrict name, const char *restrict version)
{
    void *address;
    if (find(handle, name, __builtin_return_address(0), &address)) {
        return address;
    }
    leave_to_library();
    return ___dlvsym(handle, name, version);
}

/* Returns 0 where the address is in neither the program nor an image. */
static int describe(const void *address, Dl_info *info, const ElfW(Sym) **entry, struct link_map **map)
{
    static char program_name[4096];
    struct space_record *it = space_record_at((uintptr_t)address);
    if (it == NULL && ((const char *)address < __executable_start || (const char *)address >= _end)) {
        return 0;
    }
    struct space_symbols *symbols = it == NULL ? program_symbols() : image_symbols(it);
    if (it == NULL && program_name[0] == '\0' && readlink("/proc/self/exe", program_name, sizeof program_name - 1) < 0) {
        strcpy(program_name, "modspace");
    }
    *info = (Dl_info){
        .dli_fname = it == NULL ? program_name : it->name,
        .dli_fbase = it == NULL ? (void *)(uintptr_t)__executable_start : (void *)(uintptr_t)atomic_load(&it->image),
    };
    *map = it == NULL ? &program : &it->map;
    *entry = NULL;
    struct space_symbol symbol;
    if (symbols != NULL && space_find_address(symbols, (uintptr_t)address, &symbol)) {
        info->dli_sname = symbol.name;
        info->dli_saddr = (void *)(uintptr_t)symbol.entry->st_value;
        *entry = symbol.entry;
    }
    return 1;
}

static int describe_safely(const void *address, Dl_info *info, const ElfW(Sym) **entry, struct link_map **map)
{
    space_begin_reading();
    int result = describe(address, info, entry, map);
    space_end_reading(NULL);
    return result;
}

int dladdr(const void *address, Dl_info *info)
{
    const ElfW(Sym) *entry;
    struct link_map *map;
    int result = describe_safely(address, info, &entry, &map);
    return result != 0 ? result : __dladdr(address, info);
}

int dladdr1(const void *address, Dl_info *info, void **extra, int flags)
{
    const ElfW(Sym) *entry;
    struct link_map *map;
    int result = describe_safely(address, info, &entry, &map);
    if (result == 0) {
        return __dladdr1(address, info, extra, flags);
    }
    if (flags == RTLD_DL_SYMENT) {
        *(const ElfW(Sym) **)extra = entry;
    } else if (flags == RTLD_DL_LINKMAP) {
        *(struct link_map **)extra = map;
    }
    return result;
}

/* ---- Handles ---- */

/* The image whose file has that name, as dl_iterate_phdr and dladdr give it; or NULL. */
static void *handle_of(const char *name)
{
    void *handle = NULL;
    space_begin_reading();
    for (struct space_record *it = space_next_record(NULL); it != NULL && handle == NULL; it = space_next_record(it)) {
        handle = strcmp(it->name, name) == 0 ? &it->map : NULL;
    }
    space_end_reading(NULL);
    return handle;
}

void *dlopen(const char *file, int mode)
{
    void *handle = file == NULL || *file == '\0' ? &program : handle_of(file);
    if (handle != NULL) {
        return handle;
    }
    leave_to_library();
    return ___dlopen(file, mode);
}

void *dlmopen(Lmid_t space, const char *file, int mode)
{
    return space == LM_ID_BASE ? dlopen(file, mode) : ___dlmopen(space, file, mode);
}

/* A handle does not keep a module: it stays until it is unloaded. */
int dlclose(void *handle)
{
    if (handle == &program || space_record_of_map(handle) != NULL) {
        return 0;
    }
    leave_to_library();
    return __dlclose(handle);
}

int dlinfo(void *restrict handle, int request, void *restrict argument)
{
    struct space_record *it = space_record_of_map(handle);
    if (it == NULL && handle != &program) {
        leave_to_library();
        return __dlinfo(handle, request, argument);
    }
    switch (request) {
    case RTLD_DI_LMID:
        *(Lmid_t *)argument = LM_ID_BASE;
        return 0;
    case RTLD_DI_LINKMAP:
        *(struct link_map **)argument = handle;
        return 0;
    case RTLD_DI_TLS_MODID:
        *(size_t *)argument = it == NULL ? 1 : information(it).dlpi_tls_modid;
        return 0;
    case RTLD_DI_TLS_DATA:
        *(void **)argument = it == NULL ? block_of(1) : information(it).dlpi_tls_data;
        return 0;
    default:
        fail("modspace: dlinfo has no answer to request %d", request);
        return -1;
    }
}
