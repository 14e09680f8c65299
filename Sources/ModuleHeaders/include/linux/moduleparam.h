/*
 * linux/moduleparam.h: parameters of a module, which `modload FILE NAME=VALUE` sets before anything of the module runs. Part of
 * modlink: see modlink(4).
 *
 * Each declaration is a string in the section .modinfo, as kernels have it and modinfo(8) reads it:
 *
 *     parmtype=NAME:TYPE       of module_param and its like
 *     parm_NAME=TYPE           of MODULE_PARM, with the type in letters
 *     parm=NAME:DESCRIPTION    of MODULE_PARM_DESC
 *
 * and, except for the last, a record in the section .modlink.params. The linker reads that one, which is not loaded: it finds
 * the variable there though it is static or has another name, and the reference keeps the compiler from taking the variable
 * for a constant. So a declaration stands behind its variable; MODULE_PARM in C, which knows the variable by its name alone,
 * stands where one likes, also where the variable is another file's of the module.
 *
 * Values are checked against the declared type; see modlink(7), "Parameters". Permissions are not evaluated: there is no sysfs.
 */
#ifndef MODLINK_LINUX_MODULEPARAM_H
#define MODLINK_LINUX_MODULEPARAM_H

/* A record of .modlink.params: five words. */
struct modlink_parameter {
    const char *declaration; /* the string in .modinfo */
    void *variable;          /* the variable, or the first element of an array */
    void *count;             /* an unsigned int that gets the number of values of an array, or 0 */
    unsigned long size;      /* of the variable, in bytes; 0: it is the one that is called as the parameter is */
    unsigned long element;   /* of one element of an array, in bytes; 0: as the type says */
};

/* gcc turns the order around unless it is told not to. */
#if defined(__GNUC__) && !defined(__clang__)
#define MODLINK_IN_ORDER __attribute__((__no_reorder__))
#else
#define MODLINK_IN_ORDER
#endif
#define MODLINK_IN_MODINFO \
    MODLINK_IN_ORDER __attribute__((__section__(".modinfo"), __used__, __aligned__(1)))
#define MODLINK_IN_RECORDS \
    __attribute__((__section__(".modlink.params"), __used__, __aligned__(sizeof(void *))))

#define MODLINK_PARAMETER(name, text, variable, count, size, element) \
    static const char modlink_declaration_##name[] MODLINK_IN_MODINFO = text; \
    static const struct modlink_parameter modlink_parameter_##name MODLINK_IN_RECORDS = { \
        modlink_declaration_##name, (void *)(variable), (void *)(count), \
        (unsigned long)(size), (unsigned long)(element)}

/* The compiler refuses a variable of another type than the declared one; of a bool, kernels took both bool and int. */
#define MODLINK_TYPE_CHECK(name, variable, type) \
    __attribute__((__unused__)) static __inline__ volatile type *modlink_check_##name(void) \
    { \
        return &(variable); \
    }
#define MODLINK_SIZE_CHECK(name, variable, size, other) \
    __attribute__((__unused__)) typedef char modlink_check_##name \
        [sizeof(variable) == (size) || sizeof(variable) == (other) ? 1 : -1];

#define modlink_type_byte(name, variable) MODLINK_TYPE_CHECK(name, variable, unsigned char)
#define modlink_type_short(name, variable) MODLINK_TYPE_CHECK(name, variable, short)
#define modlink_type_ushort(name, variable) MODLINK_TYPE_CHECK(name, variable, unsigned short)
#define modlink_type_int(name, variable) MODLINK_TYPE_CHECK(name, variable, int)
#define modlink_type_uint(name, variable) MODLINK_TYPE_CHECK(name, variable, unsigned int)
#define modlink_type_hexint(name, variable) MODLINK_TYPE_CHECK(name, variable, unsigned int)
#define modlink_type_long(name, variable) MODLINK_TYPE_CHECK(name, variable, long)
#define modlink_type_ulong(name, variable) MODLINK_TYPE_CHECK(name, variable, unsigned long)
#define modlink_type_ullong(name, variable) MODLINK_TYPE_CHECK(name, variable, unsigned long long)
#define modlink_type_bint(name, variable) MODLINK_TYPE_CHECK(name, variable, int)
#define modlink_type_bool(name, variable) MODLINK_SIZE_CHECK(name, variable, 1, sizeof(int))
#define modlink_type_invbool(name, variable) MODLINK_SIZE_CHECK(name, variable, 1, sizeof(int))
#define modlink_type_charp(name, variable) MODLINK_SIZE_CHECK(name, variable, sizeof(char *), sizeof(char *))
/* Where <stdbool.h> makes bool a macro, and the type has come through another macro. */
#define modlink_type__Bool(name, variable) modlink_type_bool(name, variable)

#define MODLINK_SCALAR(name, text, variable, check) \
    check(name, variable) \
    MODLINK_PARAMETER(name, text, &(variable), 0, sizeof(variable), sizeof(variable))
#define MODLINK_ARRAY(name, text, array, count, check) \
    check(name, (array)[0]) \
    MODLINK_PARAMETER(name, text, &(array)[0], count, sizeof(array), sizeof((array)[0]))

/* module_param(name, type, perm): the variable `name` is set to one value. Types: byte, short, ushort, int, uint, long,
 * ulong, ullong and hexint are numbers; charp is a char * that gets a copy of the text; bool takes y, n, 1, 0, on, off, and
 * invbool stores the contrary; bint is a bool that is stored in an int. */
#define module_param(name, type, perm) \
    MODLINK_SCALAR(name, "parmtype=" #name ":" #type, name, modlink_type_##type)

/* The same for a variable of another name than the parameter. */
#define module_param_named(name, variable, type, perm) \
    MODLINK_SCALAR(name, "parmtype=" #name ":" #type, variable, modlink_type_##type)

/* module_param_array(name, type, count, perm): as many values with commas between them as the array has room for, one at
 * least; `count` is the address of an unsigned int that gets their number, or NULL. */
#define module_param_array(name, type, count, perm) \
    MODLINK_ARRAY(name, "parmtype=" #name ":array of " #type, name, count, modlink_type_##type)

/* The same for an array of another name than the parameter. */
#define module_param_array_named(name, array, type, count, perm) \
    MODLINK_ARRAY(name, "parmtype=" #name ":array of " #type, array, count, modlink_type_##type)

/* module_param_string(name, string, len, perm): the array of char `string` gets the text, which has less than `len` bytes,
 * and a NUL. */
#define module_param_string(name, string, len, perm) \
    MODLINK_PARAMETER(name, "parmtype=" #name ":string", string, 0, len, 1)

/* MODULE_PARM(name, "[MIN[-MAX]]TYPE"), of kernels before 2.6: MIN to MAX values with commas between them; MIN alone is
 * both, and without a number it is one value. Types: b byte, h short, i int, l long: signed or unsigned; s a char * that gets a
 * copy of the text; cN an array of N char that gets a text of less than N bytes and a NUL. */
#if defined(__cplusplus)
/* A static variable has a name of the compiler's. */
#define MODULE_PARM(name, type) \
    MODLINK_PARAMETER(name, "parm_" #name "=" type, &(name), 0, sizeof(name), 0)
#else
/* For the assembler that is another name of whatever is called so, be it static, or undefined. */
#define MODULE_PARM(name, type) \
    static char modlink_variable_##name __attribute__((__weakref__(#name))); \
    MODLINK_PARAMETER(name, "parm_" #name "=" type, &modlink_variable_##name, 0, 0, 0)
#endif

/* MODULE_PARM_DESC(name, "text"): what `modload --parameters` says about the parameter. */
#define MODULE_PARM_DESC(name, text) \
    static const char modlink_description_##name[] MODLINK_IN_MODINFO = "parm=" #name ":" text

#endif
