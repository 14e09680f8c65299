/* within: the calls of modules(2), made by a process that the init of module "outer" has started and waits for. */
#define _GNU_SOURCE
#include "modules.h"

int main(void)
{
    char code[64] = {0};
    struct mod_routines routines = {NULL, NULL};
    struct kernel_sym symbols[1];
    ROW("create", create_module("inner", 4096), EDEADLK);
    ROW("init", init_module("outer", code, sizeof code, &routines, NULL), EDEADLK);
    ROW("delete itself", delete_module("outer"), EDEADLK);
    ROW("delete another", delete_module("gurka"), EDEADLK);
    ROW("delete unused ones", delete_module(NULL), EDEADLK);
    ROW("names that are wrong come later", delete_module("no such module"), EDEADLK);
    /* To look is allowed. */
    ROW("count symbols", get_kernel_syms(NULL), 0);
    ROW("a table that cannot be written", get_kernel_syms((struct kernel_sym *)8), EFAULT);
    (void)symbols;
    return 0;
}
