/* Property lists: values in arrays and dictionaries by type; the properties that a module is started with. */
#include "kernel.h"
#include "properties.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- Numbers and truth values ---- */

/* The bits of a number that lies in a range. */
static bool bits_of(prop_object_t object, int64_t minimum, uint64_t maximum, uint64_t *bits)
{
    const struct property *it = property_as(PROP_TYPE_NUMBER, object);
    if (it == NULL) {
        return false;
    }
    *bits = it->number;
    bool is_negative = !it->is_unsigned && it->number > INT64_MAX;
    return is_negative ? (int64_t)it->number >= minimum : it->number <= maximum;
}

#define GETTER(function, list, list_type, key_type, name, type, minimum, maximum)    \
    bool function##_get_##name(list_type list, key_type key, type *place)            \
    {                                                                                \
        uint64_t bits;                                                               \
        bool is_there = bits_of(function##_get(list, key), minimum, maximum, &bits); \
        if (is_there) {                                                              \
            *place = (type)bits;                                                     \
        }                                                                            \
        return is_there;                                                             \
    }

#define VALUES(name, type, minimum, maximum, create)                                                          \
    GETTER(prop_dictionary, dictionary, prop_dictionary_t, const char *, name, type, minimum, maximum)        \
    GETTER(prop_array, array, prop_array_t, unsigned int, name, type, minimum, maximum)                       \
    SETTERS(name, type, create)

#define SETTERS(name, type, create)                                                           \
    bool prop_dictionary_set_##name(prop_dictionary_t dictionary, const char *key, type value) \
    {                                                                                         \
        return prop_dictionary_set_and_rel(dictionary, key, create(value));                   \
    }                                                                                         \
    bool prop_array_set_##name(prop_array_t array, unsigned int index, type value)            \
    {                                                                                         \
        prop_object_t object = create(value);                                                 \
        bool is_set = prop_array_set(array, index, object);                                   \
        prop_object_release(object);                                                          \
        return is_set;                                                                        \
    }                                                                                         \
    bool prop_array_add_##name(prop_array_t array, type value)                                \
    {                                                                                         \
        return prop_array_add_and_rel(array, create(value));                                  \
    }

VALUES(int8, int8_t, INT8_MIN, INT8_MAX, prop_number_create_integer)
VALUES(uint8, uint8_t, 0, UINT8_MAX, prop_number_create_unsigned_integer)
VALUES(int16, int16_t, INT16_MIN, INT16_MAX, prop_number_create_integer)
VALUES(uint16, uint16_t, 0, UINT16_MAX, prop_number_create_unsigned_integer)
VALUES(int32, int32_t, INT32_MIN, INT32_MAX, prop_number_create_integer)
VALUES(uint32, uint32_t, 0, UINT32_MAX, prop_number_create_unsigned_integer)
VALUES(int64, int64_t, INT64_MIN, INT64_MAX, prop_number_create_integer)
VALUES(uint64, uint64_t, 0, UINT64_MAX, prop_number_create_unsigned_integer)
VALUES(int, int, INT_MIN, INT_MAX, prop_number_create_integer)
VALUES(uint, unsigned int, 0, UINT_MAX, prop_number_create_unsigned_integer)
VALUES(long, long, LONG_MIN, LONG_MAX, prop_number_create_integer)
VALUES(ulong, unsigned long, 0, ULONG_MAX, prop_number_create_unsigned_integer)

static bool truth_of(prop_object_t object, bool *place)
{
    const struct property *it = property_as(PROP_TYPE_BOOL, object);
    if (it != NULL) {
        *place = it->number != 0;
    }
    return it != NULL;
}

bool prop_dictionary_get_bool(prop_dictionary_t dictionary, const char *key, bool *place)
{
    return truth_of(prop_dictionary_get(dictionary, key), place);
}

bool prop_array_get_bool(prop_array_t array, unsigned int index, bool *place)
{
    return truth_of(prop_array_get(array, index), place);
}

SETTERS(bool, bool, prop_bool_create)

/* ---- Text ---- */

SETTERS(cstring, const char *, prop_string_create_cstring)
SETTERS(cstring_nocopy, const char *, prop_string_create_cstring_nocopy)

static bool text_of(prop_object_t object, const char **place)
{
    const char *text = prop_string_cstring_nocopy(object);
    if (text != NULL) {
        *place = text;
    }
    return text != NULL;
}

static bool copy_of_text(prop_object_t object, char **place)
{
    char *text = prop_string_cstring(object);
    if (text != NULL) {
        *place = text;
    }
    return text != NULL;
}

bool prop_dictionary_get_cstring(prop_dictionary_t dictionary, const char *key, char **place)
{
    return copy_of_text(prop_dictionary_get(dictionary, key), place);
}

bool prop_dictionary_get_cstring_nocopy(prop_dictionary_t dictionary, const char *key, const char **place)
{
    return text_of(prop_dictionary_get(dictionary, key), place);
}

bool prop_array_get_cstring(prop_array_t array, unsigned int index, char **place)
{
    return copy_of_text(prop_array_get(array, index), place);
}

bool prop_array_get_cstring_nocopy(prop_array_t array, unsigned int index, const char **place)
{
    return text_of(prop_array_get(array, index), place);
}

bool prop_dictionary_get_dict(prop_dictionary_t dictionary, const char *key, prop_dictionary_t *place)
{
    struct property *it = property_as(PROP_TYPE_DICTIONARY, prop_dictionary_get(dictionary, key));
    if (it != NULL) {
        *place = (prop_dictionary_t)it;
    }
    return it != NULL;
}

/* ---- The properties of a module ---- */

/* One value as the daemon writes it. */
static prop_object_t value_of(char type, const char *text)
{
    switch (type) {
    case 'b':
        return prop_bool_create(text[0] == '1');
    case 'i':
        return prop_number_create_integer(strtoll(text, NULL, 10));
    case 'u':
        return prop_number_create_unsigned_integer(strtoull(text, NULL, 10));
    default:
        return prop_string_create_cstring(text);
    }
}

int modlink_initialize_module(int (*command)(int, void *), const char *properties)
{
    prop_dictionary_t dictionary = prop_dictionary_create();
    for (const char *record = properties; dictionary != NULL && *record != 0;) {
        const char *key = record + 1;
        const char *value = key + strlen(key) + 1;
        if (!prop_dictionary_set_and_rel(dictionary, key, value_of(*record, value))) {
            prop_object_release(dictionary);
            dictionary = NULL;
        }
        record = value + strlen(value) + 1;
    }
    if (dictionary == NULL) {
        return ENOMEM;
    }
    /* MODULE_CMD_INIT. */
    int result = command(0, dictionary);
    prop_object_release(dictionary);
    return result;
}
