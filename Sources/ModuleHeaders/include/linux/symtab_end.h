/* The end of what linux/symtab_begin.h begins. Part of modlink: see modlink(4). */
