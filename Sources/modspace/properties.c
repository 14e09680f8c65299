/* Property lists: objects, truth values, numbers, text, bytes. */
#include "properties.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- All objects ---- */

struct property *property_create(prop_type_t type)
{
    struct property *it = calloc(1, sizeof *it);
    if (it != NULL) {
        it->type = type;
        atomic_init(&it->references, 1);
    }
    return it;
}

struct property *property_create_bytes(prop_type_t type, const void *bytes, size_t size)
{
    struct property *it = bytes != NULL && size < SIZE_MAX ? property_create(type) : NULL;
    if (it == NULL) {
        return NULL;
    }
    it->bytes = malloc(size + 1);
    if (it->bytes == NULL) {
        free(it);
        return NULL;
    }
    memcpy(it->bytes, bytes, size);
    it->bytes[size] = 0;
    it->count = size;
    return it;
}

struct property *property_as(prop_type_t type, const void *object)
{
    struct property *it = (struct property *)object;
    return it != NULL && it->type == type ? it : NULL;
}

void prop_object_retain(prop_object_t object)
{
    struct property *it = object;
    if (it != NULL) {
        atomic_fetch_add(&it->references, 1);
    }
}

void prop_object_release(prop_object_t object)
{
    struct property *it = object;
    if (it == NULL || atomic_fetch_sub(&it->references, 1) != 1) {
        return;
    }
    switch (it->type) {
    case PROP_TYPE_ARRAY:
    case PROP_TYPE_DICTIONARY:
        property_empty(it);
        free(it->elements);
        break;
    case PROP_TYPE_STRING:
    case PROP_TYPE_DATA:
    case PROP_TYPE_DICT_KEYSYM:
        if (!it->is_borrowed) {
            free(it->bytes);
        }
        break;
    default:
        break;
    }
    free(it);
}

prop_type_t prop_object_type(prop_object_t object)
{
    return object != NULL ? ((struct property *)object)->type : PROP_TYPE_UNKNOWN;
}

bool prop_object_equals(prop_object_t one, prop_object_t other)
{
    const struct property *left = one;
    const struct property *right = other;
    if (left == NULL || right == NULL || left->type != right->type) {
        return false;
    }
    switch (left->type) {
    case PROP_TYPE_BOOL:
        return left->number == right->number;
    case PROP_TYPE_NUMBER:
        /* A negative one is none of those without a sign. */
        return left->number == right->number
            && (left->is_unsigned == right->is_unsigned || left->number <= INT64_MAX);
    case PROP_TYPE_STRING:
    case PROP_TYPE_DATA:
    case PROP_TYPE_DICT_KEYSYM:
        return left->count == right->count && memcmp(left->bytes, right->bytes, left->count) == 0;
    default:
        return property_lists_are_equal(left, right);
    }
}

static bool both_equal(prop_type_t type, const void *one, const void *other)
{
    return prop_object_equals(property_as(type, one), property_as(type, other));
}

/* What cannot be changed is its own copy. */
static void *same(prop_type_t type, const void *object)
{
    struct property *it = property_as(type, object);
    prop_object_retain(it);
    return it;
}

/* ---- Truth values and numbers ---- */

prop_bool_t prop_bool_create(bool value)
{
    struct property *it = property_create(PROP_TYPE_BOOL);
    if (it != NULL) {
        it->number = value;
    }
    return (prop_bool_t)it;
}

prop_bool_t prop_bool_copy(prop_bool_t object)
{
    return same(PROP_TYPE_BOOL, object);
}

bool prop_bool_true(prop_bool_t object)
{
    const struct property *it = property_as(PROP_TYPE_BOOL, object);
    return it != NULL && it->number != 0;
}

static prop_number_t create_number(uint64_t bits, bool is_unsigned)
{
    struct property *it = property_create(PROP_TYPE_NUMBER);
    if (it != NULL) {
        it->number = bits;
        it->is_unsigned = is_unsigned;
    }
    return (prop_number_t)it;
}

prop_number_t prop_number_create_integer(int64_t value)
{
    return create_number((uint64_t)value, false);
}

prop_number_t prop_number_create_unsigned_integer(uint64_t value)
{
    return create_number(value, true);
}

prop_number_t prop_number_copy(prop_number_t object)
{
    return same(PROP_TYPE_NUMBER, object);
}

int prop_number_size(prop_number_t object)
{
    const struct property *it = property_as(PROP_TYPE_NUMBER, object);
    if (it == NULL) {
        return 0;
    }
    if (it->is_unsigned) {
        return it->number > UINT32_MAX ? 64 : it->number > UINT16_MAX ? 32 : it->number > UINT8_MAX ? 16 : 8;
    }
    int64_t value = (int64_t)it->number;
    return value > INT32_MAX || value < INT32_MIN ? 64
        : value > INT16_MAX || value < INT16_MIN  ? 32
        : value > INT8_MAX || value < INT8_MIN    ? 16
                                                  : 8;
}

bool prop_number_unsigned(prop_number_t object)
{
    const struct property *it = property_as(PROP_TYPE_NUMBER, object);
    return it != NULL && it->is_unsigned;
}

int64_t prop_number_integer_value(prop_number_t object)
{
    return (int64_t)prop_number_unsigned_integer_value(object);
}

uint64_t prop_number_unsigned_integer_value(prop_number_t object)
{
    const struct property *it = property_as(PROP_TYPE_NUMBER, object);
    return it != NULL ? it->number : 0;
}

bool prop_number_equals(prop_number_t one, prop_number_t other)
{
    return both_equal(PROP_TYPE_NUMBER, one, other);
}

bool prop_number_equals_integer(prop_number_t object, int64_t value)
{
    const struct property *it = property_as(PROP_TYPE_NUMBER, object);
    return it != NULL && it->number == (uint64_t)value && (!it->is_unsigned || value >= 0);
}

bool prop_number_equals_unsigned_integer(prop_number_t object, uint64_t value)
{
    const struct property *it = property_as(PROP_TYPE_NUMBER, object);
    return it != NULL && it->number == value && (it->is_unsigned || value <= INT64_MAX);
}

/* ---- Text and bytes ---- */

static struct property *copy_of(prop_type_t type, const void *object)
{
    const struct property *it = property_as(type, object);
    return it != NULL ? property_create_bytes(type, it->bytes, it->count) : NULL;
}

/* A copy for the caller. */
static void *bytes_of(prop_type_t type, const void *object)
{
    const struct property *it = property_as(type, object);
    void *bytes = it != NULL ? malloc(it->count + 1) : NULL;
    return bytes != NULL ? memcpy(bytes, it->bytes, it->count + (type == PROP_TYPE_STRING)) : NULL;
}

static struct property *create_borrowed(prop_type_t type, const void *bytes, size_t size)
{
    struct property *it = bytes != NULL ? property_create(type) : NULL;
    if (it != NULL) {
        it->bytes = (char *)bytes;
        it->count = size;
        it->is_borrowed = true;
    }
    return it;
}

static prop_string_t create_string(const char *text, size_t length, bool is_mutable)
{
    struct property *it = property_create_bytes(PROP_TYPE_STRING, text, length);
    if (it != NULL) {
        it->is_mutable = is_mutable;
    }
    return (prop_string_t)it;
}

prop_string_t prop_string_create(void)
{
    return create_string("", 0, true);
}

prop_string_t prop_string_create_cstring(const char *text)
{
    return create_string(text, text != NULL ? strlen(text) : 0, true);
}

prop_string_t prop_string_create_cstring_nocopy(const char *text)
{
    return (prop_string_t)create_borrowed(PROP_TYPE_STRING, text, text != NULL ? strlen(text) : 0);
}

prop_string_t prop_string_copy(prop_string_t object)
{
    return (prop_string_t)copy_of(PROP_TYPE_STRING, object);
}

prop_string_t prop_string_copy_mutable(prop_string_t object)
{
    struct property *it = copy_of(PROP_TYPE_STRING, object);
    if (it != NULL) {
        it->is_mutable = true;
    }
    return (prop_string_t)it;
}

bool prop_string_mutable(prop_string_t object)
{
    const struct property *it = property_as(PROP_TYPE_STRING, object);
    return it != NULL && it->is_mutable;
}

size_t prop_string_size(prop_string_t object)
{
    const struct property *it = property_as(PROP_TYPE_STRING, object);
    return it != NULL ? it->count : 0;
}

char *prop_string_cstring(prop_string_t object)
{
    return bytes_of(PROP_TYPE_STRING, object);
}

const char *prop_string_cstring_nocopy(prop_string_t object)
{
    const struct property *it = property_as(PROP_TYPE_STRING, object);
    return it != NULL ? it->bytes : NULL;
}

bool prop_string_copy_value(prop_string_t object, void *room, size_t size)
{
    const struct property *it = property_as(PROP_TYPE_STRING, object);
    if (it == NULL || room == NULL || size == 0) {
        return false;
    }
    size_t length = it->count < size ? it->count : size - 1;
    memcpy(room, it->bytes, length);
    ((char *)room)[length] = 0;
    return length == it->count;
}

static bool append(prop_string_t object, const char *more, size_t length)
{
    struct property *it = property_as(PROP_TYPE_STRING, object);
    if (it == NULL || !it->is_mutable || length > SIZE_MAX - it->count - 1) {
        return false;
    }
    /* New room, for what is appended may be the text itself. */
    char *bytes = malloc(it->count + length + 1);
    if (bytes == NULL) {
        return false;
    }
    memcpy(bytes, it->bytes, it->count);
    memcpy(bytes + it->count, more, length);
    bytes[it->count + length] = 0;
    free(it->bytes);
    it->bytes = bytes;
    it->count += length;
    return true;
}

bool prop_string_append(prop_string_t object, prop_string_t more)
{
    const struct property *it = property_as(PROP_TYPE_STRING, more);
    return it != NULL && append(object, it->bytes, it->count);
}

bool prop_string_append_cstring(prop_string_t object, const char *more)
{
    return more != NULL && append(object, more, strlen(more));
}

bool prop_string_equals(prop_string_t one, prop_string_t other)
{
    return both_equal(PROP_TYPE_STRING, one, other);
}

bool prop_string_equals_cstring(prop_string_t object, const char *text)
{
    const struct property *it = property_as(PROP_TYPE_STRING, object);
    return it != NULL && text != NULL && strcmp(it->bytes, text) == 0;
}

prop_data_t prop_data_create_data(const void *bytes, size_t size)
{
    return (prop_data_t)property_create_bytes(PROP_TYPE_DATA, bytes, size);
}

prop_data_t prop_data_create_data_nocopy(const void *bytes, size_t size)
{
    return (prop_data_t)create_borrowed(PROP_TYPE_DATA, bytes, size);
}

prop_data_t prop_data_copy(prop_data_t object)
{
    return (prop_data_t)copy_of(PROP_TYPE_DATA, object);
}

size_t prop_data_size(prop_data_t object)
{
    const struct property *it = property_as(PROP_TYPE_DATA, object);
    return it != NULL ? it->count : 0;
}

void *prop_data_data(prop_data_t object)
{
    return bytes_of(PROP_TYPE_DATA, object);
}

const void *prop_data_data_nocopy(prop_data_t object)
{
    const struct property *it = property_as(PROP_TYPE_DATA, object);
    return it != NULL ? it->bytes : NULL;
}

bool prop_data_equals(prop_data_t one, prop_data_t other)
{
    return both_equal(PROP_TYPE_DATA, one, other);
}

bool prop_data_equals_data(prop_data_t object, const void *bytes, size_t size)
{
    const struct property *it = property_as(PROP_TYPE_DATA, object);
    return it != NULL && bytes != NULL && it->count == size && memcmp(it->bytes, bytes, size) == 0;
}
