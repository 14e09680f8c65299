/*
 * tools PART: what modlink.h has, and how a program is left alone by it. Prints a line for each thing that is tried, which ends in ": ok".
 */
#define _GNU_SOURCE
#include "modules.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t ended_children;

static void count_child(int signal)
{
    (void)signal;
    ended_children++;
}

/* The first call starts the daemon. */
static void start(void)
{
    struct sigaction action = {.sa_handler = count_child};
    struct sigaction before[NSIG], after;
    for (int number = 1; number < NSIG; number++) {
        sigaction(number, NULL, &before[number]);
    }
    check("no daemon, and none is wanted", modlink_open(NULL, MODLINK_NO_AUTOSTART) == NULL && errno == ENOSYS);
    check("it says so", strstr(modlink_error(NULL), "/socket: no daemon listens there") != NULL);
    sigaction(SIGCHLD, &action, NULL);
    modlink_t *handle = modlink_open(NULL, 0);
    check("a daemon is started", handle != NULL);
    check("the program does not notice its end", ended_children == 0);
    check("and has no child", waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    int same = 1;
    for (int number = 1; number < NSIG; number++) {
        if (number != SIGCHLD && sigaction(number, NULL, &after) == 0) {
            same &= after.sa_handler == before[number].sa_handler;
        }
    }
    check("no signal has another handler", same);
    modlink_close(handle);
    modlink_close(NULL);
}

static void tools(void)
{
    modlink_t *handle = modlink_open(NULL, 0);
    const char *gurka[] = {"gurka.o", NULL}, *sallad[] = {"sallad.o", NULL}, *slices[] = {"gurka_count=5", NULL};
    struct modlink_source sources[] = {{.files = gurka, .parameters = slices}, {.files = sallad, .name = "blandning"}};
    int64_t ids[2] = {0, 0}, result = 0;
    check("two modules are loaded", modlink_load(handle, sources, 2, ids) == 0);
    check("their numbers", ids[0] > 0 && ids[1] == ids[0] + 1);
    check("what they printed", strcmp(modlink_output(handle), "gurka: hello\nsallad: 27 5\n") == 0);
    check("no error", strcmp(modlink_error(handle), "") == 0);
    check("one of them again", modlink_load(handle, sources, 1, NULL) == -1 && errno == EEXIST);
    check("why not", strcmp(modlink_error(handle), "gurka: a module of that name is already loaded (EEXIST)") == 0);

    struct modlink_module *modules;
    size_t count;
    check("the list", modlink_list(handle, &modules, &count) == 0 && count == 2);
    check("names and states", strcmp(modules[0].name, "gurka") == 0 && strcmp(modules[1].state, "running") == 0
            && strcmp(modules[0].space, "x86-64") == 0);
    check("who uses whom", strcmp(modules[0].used_by[0], "blandning") == 0 && modules[0].used_by[1] == NULL
            && strcmp(modules[1].uses[0], "gurka") == 0 && modules[0].uses[0] == NULL);
    check("numbers", modules[0].id == ids[0] && modules[0].size % 4096 == 0 && modules[0].owner_process == 0);
    free(modules);

    struct modlink_symbol *symbols;
    check("a name", modlink_lookup(handle, "slice", NULL, &symbols, &count) == 0 && count == 1);
    check("its facts", strcmp(symbols->module, "gurka") == 0 && strcmp(symbols->kind, "function") == 0
            && symbols->exported && symbols->offset == 0);
    uint64_t address = symbols->address;
    free(symbols);
    check("a name that is not there",
          modlink_lookup(handle, "no_such", NULL, &symbols, &count) == 0 && count == 0 && symbols != NULL);
    free(symbols);
    check("a space that does not run", modlink_lookup(handle, "slice", "i386", &symbols, &count) == -1 && errno == ENODEV);

    check("a call", modlink_call(handle, "slice", NULL, (int64_t[]){4}, 1, &result) == 0 && result == 15);
    check("of the space's own function",
          modlink_call(handle, "labs", NULL, (int64_t[]){-4}, 1, &result) == 0 && result == 4);
    char text[32];
    snprintf(text, sizeof text, "0x%lx", (unsigned long)address);
    check("by address", modlink_call(handle, text, NULL, (int64_t[]){5}, 1, &result) == 0 && result == 17);
    check("by module and name", modlink_call(handle, "gurka:slice", NULL, (int64_t[]){6}, 1, NULL) == 0);
    check("a function that is not there", modlink_call(handle, "no_such", NULL, NULL, 0, NULL) == -1 && errno == ENOENT);
    check("a variable is no function", modlink_call(handle, "gurka_count", NULL, NULL, 0, NULL) == -1 && errno == ENOENT);
    check("five words are one too many",
          modlink_call(handle, "slice", NULL, (int64_t[]){1, 2, 3, 4, 5}, 5, NULL) == -1 && errno != 0);
    check("a function that crashes", modlink_call(handle, "strlen", NULL, (int64_t[]){8}, 1, NULL) == -1 && errno == EFAULT);
    check("where", strncmp(modlink_error(handle), "space: strlen: SIGSEGV at 0x8 in ", 33) == 0);

    const char *names[] = {"gurka", "blandning"};
    check("a module that is used", modlink_unload(handle, names, 1) == -1 && errno == EBUSY);
    check("who uses it", strncmp(modlink_error(handle), "gurka: in use by blandning", 26) == 0);
    check("both", modlink_unload(handle, names, 2) == 0);
    check("what they printed then", strcmp(modlink_output(handle), "sallad: bye\ngurka: bye\n") == 0);
    check("a file that is not there", modlink_load(handle, &(struct modlink_source){.files = (const char *[]){"no.o", NULL}}, 1, NULL) == -1
            && errno == ENOENT);
    check("which", strcmp(modlink_error(handle), "no.o: No such file or directory") == 0);
    check("a file that is no object", modlink_load(handle, &(struct modlink_source){.files = (const char *[]){"bad.o", NULL}}, 1, NULL) == -1
            && errno == ENOEXEC);
    modlink_close(handle);
}

/* A module that is made, and its maker goes. */
static void orphan(unsigned flags, char *name)
{
    pid_t child = fork();
    if (child == 0) {
        modlink_t *handle = modlink_open(NULL, 0);
        _exit(handle == NULL || modlink_create_module(handle, name, 4096, flags) == -1);
    }
    int status;
    waitpid(child, &status, 0);
    check("a child makes a module and ends", status == 0);
}

static void orphans(void)
{
    modlink_t *handle = modlink_open(NULL, 0);
    orphan(0, "stays");
    orphan(MODLINK_WITH_CONNECTION, "goes");
    for (int i = 0; i < 1000 && !is("goes", "none"); i++) {
        usleep(10000);
    }
    check("with its connection it goes", is("goes", "none"));
    check("without it stays, uninitialized", is("stays", "uninitialized"));
    long address = modlink_create_module(handle, "kept", 4096, MODLINK_WITH_CONNECTION);
    struct code code = code_for(address);
    struct mod_routines routines = {.init = (int (*)(void))returning(&code, 0)};
    ROW("init_module takes it", init_module("kept", (char *)code.bytes, code.size, &routines, NULL), 0);
    modlink_close(handle);
    handle = modlink_open(NULL, 0);
    check("initialized, it stays", is("kept", "running"));
    check("a name that is refused", modlink_create_module(handle, "a/b", 4096, 0) == -1 && errno == EINVAL);
    check("why", strncmp(modlink_error(handle), "a/b: no name for a module", 25) == 0);
    modlink_close(handle);
}

static void *make_and_delete(void *name)
{
    long failures = 0;
    for (int i = 0; i < 10; i++) {
        failures += create_module(name, 4096) == -1;
        failures += get_kernel_syms(NULL) < 2000;
        failures += delete_module(name) == -1;
    }
    return (void *)failures;
}

static void threads(void)
{
    static char names[4][8] = {"one", "two", "three", "four"};
    pthread_t started[4];
    long failures = 0;
    for (int i = 0; i < 4; i++) {
        pthread_create(&started[i], NULL, make_and_delete, names[i]);
    }
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(started[i], &result);
        failures += (long)result;
    }
    check("four threads make and delete modules", failures == 0);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"start", start}, {"tools", tools}, {"orphans", orphans}, {"threads", threads}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (count == 2 && strcmp(arguments[1], parts[i].name) == 0) {
            parts[i].run();
            return 0;
        }
    }
    return 64;
}
