import TestSupport
import Testing

/// What run-time libraries ask of a dynamic linker: modules are there as shared libraries would be.
@Suite struct DynamicLinkerTests {
    /// Options of the compiler for each machine that there is a space for.
    static let machines = [[]] + (Compiler.makesI386Programs ? [["-m32"]] : [])

    private func check(
        _ text: String, _ options: [String], prints wanted: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let session = try Session()
        try session.compile("gurka.o", "#define _GNU_SOURCE\n" + text, ["-O1"] + options)
        expect(
            try session.run("modload", "gurka.o"), .done(wanted + "Module loaded as ID 1\n"),
            sourceLocation: sourceLocation)
    }

    @Test(
        "dl_iterate_phdr lists a module with its headers, its name and its thread-local variables", arguments: machines)
    func headers(_ options: [String]) throws {
        try check(
            """
            #include <link.h>
            #include <stdio.h>
            #include <string.h>
            static __thread int own = 5;
            static int count;
            static int each(struct dl_phdr_info *info, size_t size, void *function)
            {
                for (int i = 0; i < info->dlpi_phnum; i++) {
                    const ElfW(Phdr) *header = &info->dlpi_phdr[i];
                    if (header->p_type == PT_LOAD
                        && (ElfW(Addr))function - info->dlpi_addr - header->p_vaddr < header->p_memsz) {
                        printf("%d %s %d\\n", count, strrchr(info->dlpi_name, '/'), info->dlpi_tls_data == &own);
                        return 7;
                    }
                }
                count++;
                return 0;
            }
            int init_module(void) { return dl_iterate_phdr(each, init_module) == 7 ? 0 : 1; }
            """, options, prints: "2 /gurka 1\n")
    }

    @Test("what has been unloaded is listed no more, and counted as added and removed") func removed() throws {
        let session = try Session()
        let text = { (number: Int) in
            """
            #define _GNU_SOURCE
            #include <link.h>
            #include <stdio.h>
            static int each(struct dl_phdr_info *info, size_t size, void *names)
            {
                printf("%s+%llu-%llu ", info->dlpi_name[0] ? "library" : "program", info->dlpi_adds, info->dlpi_subs);
                return 0;
            }
            int init_module(void) { dl_iterate_phdr(each, 0); puts("\(number)"); return 0; }
            """
        }
        for number in 1...2 { try session.compile("module\(number).o", text(number)) }
        #expect(
            try session.output("modload", "module1.o")
                == "program+3-0 library+3-0 library+3-0 1\nModule loaded as ID 1\n")
        try session.output("modunload", "module1")
        #expect(
            try session.output("modload", "module2.o")
                == "program+4-1 library+4-1 library+4-1 2\nModule loaded as ID 2\n")
    }

    @Test("dladdr names functions and variables of a module and of the space", arguments: machines)
    func addresses(_ options: [String]) throws {
        try check(
            """
            #include <dlfcn.h>
            #include <stdio.h>
            #include <stdlib.h>
            #include <string.h>
            int tomat[4] = {1};
            static __attribute__((noipa)) int peel(int n) { return n + 1; }
            static void tell(const void *address)
            {
                Dl_info info;
                if (!dladdr(address, &info)) { puts("nothing"); return; }
                printf("%s %s %d %d\\n", strrchr(info.dli_fname, '/'), info.dli_sname ? info.dli_sname : "no name",
                    (int)((char *)address - (char *)info.dli_saddr), memcmp(info.dli_fbase, "\\177ELF", 4));
            }
            int init_module(void)
            {
                int local = peel(1);
                tell((char *)init_module + 1); tell((char *)peel + 2); tell(&tomat[2]); tell((char *)qsort + 1); tell(&local);
                return 0;
            }
            """, options,
            prints: """
                /gurka init_module 1 0
                /gurka peel 2 0
                /gurka tomat 8 0
                /modspace\(options.isEmpty ? "" : "-i386") qsort 1 0
                nothing

                """)
    }

    @Test(
        "dlsym finds what the space offers and what modules export, and says what it does not find", arguments: machines
    )
    func names(_ options: [String]) throws {
        let session = try Session()
        try session.compile(
            "tomat.o", "int tomat_weight = 4; static int seeds = 3; __thread int tomat_slices = 6; int *use = &seeds;",
            ["-O1"] + options)
        try session.compile(
            "gurka.o",
            """
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <stdio.h>
            #include <string.h>
            __thread int own = 8;
            int slice(int n) { return n + 1; }
            static const char *error(void) { const char *text = dlerror(); return text ? text : "none"; }
            int init_module(void)
            {
                void *all = dlopen(NULL, RTLD_NOW);
                int (*say)(const char *) = dlsym(RTLD_DEFAULT, "puts");
                say("puts");
                char text[6] = "";
                ((void *(*)(void *, const void *, size_t))dlsym(all, "memcpy"))(text, "copy", 4);
                puts(text);
                printf("%d %d\\n", *(int *)dlsym(RTLD_DEFAULT, "tomat_weight"), *(int *)dlsym(all, "tomat_slices"));
                printf("%d %d\\n", dlsym(RTLD_DEFAULT, "slice") == (void *)slice, dlsym(RTLD_DEFAULT, "own") == (void *)&own);
                printf("%d %d\\n", dlsym(RTLD_NEXT, "slice") == NULL, dlsym(RTLD_NEXT, "tomat_weight") != NULL);
                puts(error());
                puts(error());
                for (const char **name = (const char *[]){"seeds", "space_map", "nosuch", 0}; *name; name++) {
                    printf("%d ", dlsym(RTLD_DEFAULT, *name) == NULL);
                    puts(error());
                }
                Dl_info info;
                dladdr(slice, &info);
                void *own_handle = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
                printf("%d %d\\n", dlsym(own_handle, "slice") == (void *)slice, dlsym(own_handle, "tomat_weight") == NULL);
                dlerror();
                printf("%d %d\\n", dlclose(own_handle), dlclose(all));
                return dlopen("/nowhere/libtomat.so", RTLD_NOW) != NULL || puts(error()) < 0;
            }
            """, ["-O1"] + options)
        try session.output("modload", "tomat.o")
        expect(
            try session.run("modload", "gurka.o"),
            .done(
                """
                puts
                copy
                4 6
                1 1
                1 1
                modspace: undefined symbol: slice
                none
                1 modspace: undefined symbol: seeds
                1 modspace: undefined symbol: space_map
                1 modspace: undefined symbol: nosuch
                1 1
                0 0
                /nowhere/libtomat.so: cannot open shared object file: No such file or directory
                Module loaded as ID 2

                """))
    }

    @Test("names are found where images are in memory, because the runtime directory's file system is mounted noexec")
    func imagesInMemory() throws {
        let session = try Session()
        try session.compile(
            "gurka.o",
            """
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <stdio.h>
            #include <string.h>
            int init_module(void)
            {
                Dl_info info;
                dladdr((char *)init_module + 1, &info);
                printf("%.7s %s\\n", info.dli_fname, info.dli_sname);
                return dlsym(RTLD_DEFAULT, "gurka_weight") == NULL;
            }
            int gurka_weight = 3;
            """, ["-O1"])
        let programs = Session.programs
        let script = """
            cd \(session.path) && mkdir -m 700 run && mount -t tmpfs -o noexec,mode=700 none run || exit 99
            \(programs)/modload gurka.o && \(programs)/modunload gurka; status=$?
            \(programs)/modlinkd --stop; exit $status
            """
        let result = try RunningTool(
            executable: "/usr/bin/env", ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
            environment: session.environment()
        ).wait()
        expect(result, .done("/memfd: init_module\nModule loaded as ID 1\n"))
    }

    @Test("_dl_find_object and dlinfo know a module", arguments: machines) func objects(_ options: [String]) throws {
        try check(
            """
            #include <dlfcn.h>
            #include <link.h>
            #include <stdio.h>
            #include <string.h>
            __thread int own = 8;
            int init_module(void)
            {
                struct dl_find_object object;
                int result = _dl_find_object((void *)init_module, &object);
                struct link_map *map;
                size_t number;
                void *block;
                int other = dlinfo(object.dlfo_link_map, RTLD_DI_LINKMAP, &map);
                printf("%d %d %d %d\\n", result, (char *)init_module > (char *)object.dlfo_map_start,
                    (char *)init_module < (char *)object.dlfo_map_end, object.dlfo_eh_frame != NULL);
                dlinfo(map, RTLD_DI_TLS_MODID, &number);
                dlinfo(map, RTLD_DI_TLS_DATA, &block);
                printf("%d %s %d %d\\n", other, strrchr(map->l_name, '/'), number != 0, block == &own);
                printf("%d ", dlinfo(map, RTLD_DI_SERINFO, &block));
                return puts(dlerror()) < 0;
            }
            """, options,
            prints: "0 1 1 1\n0 /gurka 1 1\n-1 modspace: dlinfo has no answer to request 4\n")
    }

    /// Functions that return the address of `tomat`, each by a call that no linker makes go away.
    private static let calls = """
        .section .note.GNU-stack,"",@progbits
        .text
        .globl by_jump, by_pointer, by_module
        by_jump: lea tomat@tlsgd(%rip), %rdi
            jmp __tls_get_addr@PLT
        by_pointer: sub $8, %rsp
            lea tomat@tlsgd(%rip), %rdi
            mov getter(%rip), %rax
            call *%rax
            add $8, %rsp
            ret
        by_module: sub $8, %rsp
            lea tomat@tlsld(%rip), %rdi
            nop
            call __tls_get_addr@PLT
            lea tomat@dtpoff(%rax), %rax
            add $8, %rsp
            ret
        .data
        getter: .quad __tls_get_addr
        """

    private static let i386Calls = """
        .section .note.GNU-stack,"",@progbits
        .macro begin
            push %ebx
            sub $8, %esp
            call 1f
        1:  pop %ebx
            add $_GLOBAL_OFFSET_TABLE_+(.-1b), %ebx
        .endm
        .macro end
            add $8, %esp
            pop %ebx
            ret
        .endm
        .text
        .globl by_jump, by_pointer, by_module
        by_jump: begin
            lea tomat@tlsgd(%ebx), %eax
            add $8, %esp
            pop %ebx
            jmp ___tls_get_addr
        by_pointer: begin
            lea tomat@tlsgd(%ebx), %eax
            mov getter, %ecx
            call *%ecx
            end
        by_module: begin
            lea tomat@tlsldm(%ebx), %eax
            mov %ebx, %ebx
            call ___tls_get_addr@PLT
            lea tomat@dtpoff(%eax), %eax
            end
        .data
        getter: .long ___tls_get_addr
        """

    @Test(
        "every call of __tls_get_addr returns the calling thread's variable, of the module's own and of another module",
        arguments: machines, [true, false]) func variables(_ options: [String], _ isOwn: Bool) throws
    {
        let session = try Session()
        let variable = "__thread int before[9] = {7}; __thread int tomat = 5;"
        try session.compile("tomat.o", variable, ["-O1"] + options)
        if !isOwn { try session.output("modload", "tomat.o") }
        try session.write(
            "calls.o",
            try Compiler.gcc.object(options.isEmpty ? Self.calls : Self.i386Calls, options, language: .assembly))
        try session.compile(
            "gurka.o",
            """
            #include <pthread.h>
            #include <stdio.h>
            extern __thread int tomat;
            int *by_jump(void), *by_pointer(void), *by_module(void);
            static void *check(void *unused)
            {
                printf("%d %d %d %d\\n", by_jump() == &tomat, by_pointer() == &tomat, by_module() == &tomat, *by_jump());
                return unused;
            }
            int init_module(void)
            {
                pthread_t thread;
                check(0);
                return pthread_create(&thread, 0, check, 0) || pthread_join(thread, 0);
            }
            """, ["-O1"] + options)
        let files = ["gurka.o", "calls.o"] + (isOwn ? ["tomat.o"] : [])
        expect(
            try session.run("modload", ["--name", "all"] + files),
            .done("1 1 1 5\n1 1 1 5\nModule loaded as ID \(isOwn ? 1 : 2)\n"))
    }

    @Test(
        "a module's number and an offset in its variables are what __tls_get_addr takes, as run-time libraries ask for them"
    )
    func blocks() throws {
        try check(
            """
            #include <link.h>
            #include <stdio.h>
            struct index { unsigned long module, offset; };
            void *__tls_get_addr(struct index *);
            __thread int own = 5;
            static int each(struct dl_phdr_info *info, size_t size, void *result)
            {
                if (info->dlpi_tls_data == NULL) return 0;
                struct index index = {info->dlpi_tls_modid, 0};
                printf("%d %d\\n", __tls_get_addr(&index) == info->dlpi_tls_data, __tls_get_addr(&index) == (void *)&own);
                return 0;
            }
            int init_module(void) { return dl_iterate_phdr(each, 0); }
            """, [], prints: "1 0\n1 1\n")
    }
}
