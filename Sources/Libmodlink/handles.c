/* Handles, and what is done with one: the calls of modlink.h. */
#define _GNU_SOURCE
#include "libmodlink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct modlink {
    int socket;
    /* NULL: nothing to tell. */
    char *error;
    char *output;
};

/* Why the last modlink_open of this thread failed. An array: a thread that ends leaves nothing behind. */
static _Thread_local char open_error[512];

modlink_t *modlink_open(const char *directory, unsigned flags)
{
    char *error = NULL;
    modlink_t *handle = calloc(1, sizeof *handle);
    int socket = handle == NULL ? -1 : ml_connect(directory, flags, &error);
    if (socket < 0) {
        int reason = errno;
        snprintf(open_error, sizeof open_error, "%s", error != NULL ? error : strerrordesc_np(reason));
        free(error);
        free(handle);
        errno = reason;
        return NULL;
    }
    open_error[0] = 0;
    handle->socket = socket;
    return handle;
}

void modlink_close(modlink_t *handle)
{
    if (handle != NULL) {
        close(handle->socket);
        free(handle->error);
        free(handle->output);
        free(handle);
    }
}

const char *modlink_error(const modlink_t *handle)
{
    if (handle == NULL) {
        return open_error;
    }
    return handle->error != NULL ? handle->error : "";
}

const char *modlink_output(const modlink_t *handle)
{
    return handle->output != NULL ? handle->output : "";
}

static void forget(modlink_t *handle)
{
    free(handle->error);
    free(handle->output);
    handle->error = NULL;
    handle->output = NULL;
}

/* Refuses by itself what need not be asked. Returns -1. */
static int refuse(modlink_t *handle, int number, const char *subject, const char *reason)
{
    if (asprintf(&handle->error, "%s: %s", subject, reason) < 0) {
        handle->error = NULL;
    }
    errno = number;
    return -1;
}

/* Calls, and keeps what is to be told of it. Returns whether it has succeeded; the reply is to be released either way. */
static bool call(
    modlink_t *handle, const char *method, json_t *parameters, const int *descriptors, size_t count,
    struct ml_reply *reply)
{
    bool done = ml_call(handle->socket, method, parameters, descriptors, count, reply);
    int reason = errno;
    const char *output = json_string_value(json_object_get(reply->parameters, "output"));
    handle->output = output != NULL ? strdup(output) : NULL;
    if (!done && reply->answered) {
        handle->error = ml_problems(reply);
    } else if (!done) {
        refuse(handle, reason, "modlinkd", strerrordesc_np(reason));
    }
    errno = reason;
    return done;
}

/* ---- Loading ---- */

/* The descriptors that go with a load. */
struct files {
    int numbers[DESCRIPTOR_LIMIT];
    size_t count;
};

static void close_files(struct files *files)
{
    int reason = errno;
    for (size_t i = 0; i < files->count; i++) {
        close(files->numbers[i]);
    }
    errno = reason;
}

/* Opens the files of a module; NULL when one cannot be opened. */
static json_t *open_files(modlink_t *handle, const struct modlink_source *source, struct files *files)
{
    json_t *objects = json_array();
    for (const char *const *path = source->files; path != NULL && *path != NULL; path++) {
        int file = files->count < DESCRIPTOR_LIMIT ? open(*path, O_RDONLY | O_CLOEXEC) : -1;
        if (file < 0) {
            int reason = files->count < DESCRIPTOR_LIMIT ? errno : E2BIG;
            refuse(handle, reason, *path, reason == E2BIG ? "too many files in one load" : strerrordesc_np(reason));
            json_decref(objects);
            return NULL;
        }
        json_array_append_new(
            objects, json_pack("{s:o, s:I}", "name", ml_text(*path), "descriptor", (long long)files->count));
        files->numbers[files->count++] = file;
    }
    return objects;
}

static json_t *module_source(const struct modlink_source *source, json_t *objects)
{
    json_t *parameters = json_array();
    for (const char *const *one = source->parameters; one != NULL && *one != NULL; one++) {
        json_array_append_new(parameters, ml_text(*one));
    }
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:b, s:b, s:b}", "name", ml_text(source->name), "objects", objects, "entry",
        ml_text(source->entry), "parameters", parameters, "autoclean", (source->flags & MODLINK_AUTOCLEAN) != 0,
        "private", (source->flags & MODLINK_PRIVATE) != 0, "wholeArchives",
        (source->flags & MODLINK_WHOLE_ARCHIVE) != 0);
}

int modlink_load(modlink_t *handle, const struct modlink_source *sources, size_t count, int64_t *ids)
{
    struct files files = {.count = 0};
    struct ml_reply reply;
    json_t *modules = json_array();
    forget(handle);
    for (size_t i = 0; i < count; i++) {
        json_t *objects = open_files(handle, &sources[i], &files);
        if (objects == NULL) {
            json_decref(modules);
            close_files(&files);
            return -1;
        }
        json_array_append_new(modules, module_source(&sources[i], objects));
    }
    bool done = call(handle, "org.modlink.Load", json_pack("{s:o}", "modules", modules), files.numbers, files.count, &reply);
    close_files(&files);
    json_t *loaded = json_object_get(reply.parameters, "modules");
    for (size_t i = 0; done && ids != NULL && i < count; i++) {
        ids[i] = json_integer_value(json_object_get(json_array_get(loaded, i), "id"));
    }
    ml_release(&reply);
    return done ? 0 : -1;
}

int modlink_unload(modlink_t *handle, const char *const *names, size_t count)
{
    struct ml_reply reply;
    json_t *array = json_array();
    forget(handle);
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(array, ml_text(names[i]));
    }
    bool done = call(handle, "org.modlink.Unload", json_pack("{s:o}", "names", array), NULL, 0, &reply);
    ml_release(&reply);
    return done ? 0 : -1;
}

/* ---- Questions ---- */

int modlink_list(modlink_t *handle, struct modlink_module **modules, size_t *count)
{
    struct ml_reply reply;
    forget(handle);
    *modules = NULL;
    *count = 0;
    bool done = call(handle, "org.modlink.List", json_object(), NULL, 0, &reply);
    if (done) {
        *modules = ml_modules(json_object_get(reply.parameters, "modules"), count);
        done = *modules != NULL || refuse(handle, ENOMEM, "modules", "no memory for them") == 0;
    }
    ml_release(&reply);
    return done ? 0 : -1;
}

int modlink_lookup(
    modlink_t *handle, const char *query, const char *space, struct modlink_symbol **symbols, size_t *count)
{
    struct ml_reply reply;
    forget(handle);
    *symbols = NULL;
    *count = 0;
    json_t *parameters = json_pack("{s:[o], s:o}", "queries", ml_text(query), "space", ml_text(space));
    bool done = call(handle, "org.modlink.LookUp", parameters, NULL, 0, &reply);
    if (done) {
        json_t *answer = json_array_get(json_object_get(reply.parameters, "answers"), 0);
        *symbols = ml_symbols(json_object_get(answer, "symbols"), count);
        done = *symbols != NULL || refuse(handle, ENOMEM, "symbols", "no memory for them") == 0;
    }
    ml_release(&reply);
    return done ? 0 : -1;
}

/* ---- Functions, and modules that others link ---- */

int modlink_call(
    modlink_t *handle, const char *function, const char *space, const int64_t *arguments, size_t count,
    int64_t *result)
{
    struct ml_reply reply;
    json_t *words = json_array();
    forget(handle);
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(words, json_integer(arguments[i]));
    }
    json_t *parameters = json_pack(
        "{s:o, s:o, s:o}", "function", ml_text(function), "space", ml_text(space), "arguments", words);
    bool done = call(handle, "org.modlink.Call", parameters, NULL, 0, &reply);
    if (done && result != NULL) {
        *result = json_integer_value(json_object_get(reply.parameters, "result"));
    }
    ml_release(&reply);
    return done ? 0 : -1;
}

int modlink_system_call(
    modlink_t *handle, int64_t number, const char *space, const int64_t *arguments, size_t count, int64_t values[2])
{
    struct ml_reply reply;
    json_t *words = json_array();
    forget(handle);
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(words, json_integer(arguments[i]));
    }
    json_t *parameters = json_pack(
        "{s:I, s:o, s:o}", "number", (json_int_t)number, "space", ml_text(space), "arguments", words);
    bool done = call(handle, "org.modlink.SystemCall", parameters, NULL, 0, &reply);
    int error = done ? (int)json_integer_value(json_object_get(reply.parameters, "error")) : 0;
    const json_t *result = json_object_get(reply.parameters, "values");
    for (size_t i = 0; done && error == 0 && values != NULL && i < 2; i++) {
        values[i] = json_integer_value(json_array_get(result, i));
    }
    ml_release(&reply);
    if (error != 0) {
        char subject[64];
        const char *reason = strerrordesc_np(error);
        snprintf(subject, sizeof subject, "system call %lld", (long long)number);
        return refuse(handle, error, subject, reason != NULL ? reason : "an error without a name");
    }
    return done ? 0 : -1;
}

int modlink_device_open(modlink_t *handle, const char *device, const char *space, unsigned minor, unsigned flags)
{
    struct ml_reply reply;
    forget(handle);
    json_t *parameters = json_pack(
        "{s:o, s:o, s:I, s:I, s:b}", "device", ml_text(device), "space", ml_text(space), "minor", (json_int_t)minor,
        "flags", (json_int_t)(flags & ~MODLINK_DEVICE_BLOCK), "block", (flags & MODLINK_DEVICE_BLOCK) != 0);
    bool done = call(handle, "org.modlink.OpenDevice", parameters, NULL, 0, &reply);
    int descriptor = -1;
    if (done) {
        const json_t *index = json_object_get(reply.parameters, "descriptor");
        json_int_t place = json_is_integer(index) ? json_integer_value(index) : -1;
        if (place >= 0 && (size_t)place < reply.descriptor_count) {
            descriptor = reply.descriptors[place];
            reply.descriptors[place] = -1;
        } else {
            refuse(handle, EMFILE, device != NULL ? device : "device", "its descriptor did not arrive");
        }
    }
    ml_release(&reply);
    return descriptor;
}

long modlink_create_module(modlink_t *handle, const char *name, unsigned long size, unsigned flags)
{
    struct ml_reply reply;
    forget(handle);
    json_t *parameters = json_pack(
        "{s:o, s:I, s:b}", "name", ml_text(name), "size", (long long)size, "connection",
        (flags & MODLINK_WITH_CONNECTION) != 0);
    bool done = call(handle, "org.modlink.CreateModule", parameters, NULL, 0, &reply);
    long address = done ? (long)json_integer_value(json_object_get(reply.parameters, "address")) : -1;
    ml_release(&reply);
    return address;
}
