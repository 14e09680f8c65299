import Posix
import TestSupport
import Testing

/// Libraries for static linking, as Debian ships them: a driver of ours that knows the answers and what it needs of the library, as one
/// module. It is loaded, run and unloaded.
@Suite struct LibraryDriverTests {
    /// Loads the driver with what it needs, and unloads it. What it prints has to be this.
    private static func check(_ session: Session, _ libraries: String..., prints output: String) throws {
        let paths = try libraries.map(Compiler.library)
        try expect(
            session.run("modload", ["--name", "driver", "driver.o"] + paths),
            .done(output + "Module loaded as ID 1\n"))
        try expect(session.run("modunload", "driver"), .done())
        #expect(try session.names() == [])
    }

    @Test("libcrypto computes SHA-256 of the messages of FIPS 180, and an HMAC of RFC 4231")
    func crypto() throws {
        let session = try Session()
        try session.compile(
            "driver.o",
            """
            #include <openssl/evp.h>
            #include <openssl/hmac.h>
            #include <openssl/sha.h>
            #include <stdio.h>
            #include <string.h>
            static void print(const unsigned char *digest)
            {
                for (int i = 0; i < 32; i++) printf("%02x", digest[i]);
                printf("\\n");
            }
            int init_module(void)
            {
                static const char *const messages[] =
                    { "abc", "", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq" };
                unsigned char digest[32], block[1000];
                for (int i = 0; i < 3; i++) print(SHA256((const void *)messages[i], strlen(messages[i]), digest));
                SHA256_CTX context;
                memset(block, 'a', sizeof block);
                SHA256_Init(&context);
                for (int i = 0; i < 1000; i++) SHA256_Update(&context, block, sizeof block);
                SHA256_Final(digest, &context);
                print(digest);
                unsigned size = 0;
                if (!HMAC(EVP_sha256(), "Jefe", 4, (const void *)"what do ya want for nothing?", 28, digest, &size)) return 1;
                print(digest);
                return size != 32;
            }
            """, ["-O2", "-Wno-deprecated-declarations"])
        try Self.check(
            session, "libcrypto.a",
            prints: """
                ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
                e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
                248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1
                cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0
                5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843

                """)
    }

    @Test("libgmp computes a factorial, and powers of a prime's residues")
    func gmp() throws {
        let session = try Session()
        try session.compile(
            "driver.o",
            """
            #include <gmp.h>
            #include <stdio.h>
            int init_module(void)
            {
                mpz_t n, p, r;
                mpz_inits(n, p, r, NULL);
                mpz_fac_ui(n, 40);
                gmp_printf("%Zd\\n", n);
                /* Fermat: 3^(p-1) is 1 modulo the prime 2^521 - 1. */
                mpz_ui_pow_ui(p, 2, 521);
                mpz_sub_ui(p, p, 1);
                mpz_sub_ui(r, p, 1);
                mpz_set_ui(n, 3);
                mpz_powm(r, n, r, p);
                gmp_printf("%Zd %d\\n", r, mpz_probab_prime_p(p, 20) > 0);
                mpz_clears(n, p, r, NULL);
                return 0;
            }
            """)
        try Self.check(
            session, "libgmp.a", prints: "815915283247897734345611269596115894272000000000\n1 1\n")
    }

    @Test("libzstd compresses and restores a text, and refuses a damaged one")
    func zstd() throws {
        let session = try Session()
        try session.compile(
            "driver.o",
            """
            #include <stdio.h>
            #include <string.h>
            #include <zstd.h>
            int init_module(void)
            {
                static char text[100000], packed[110000], again[100000];
                for (size_t i = 0; i < sizeof text; i++) text[i] = "gurka och tomat "[i % 16] ^ (i / 5000);
                size_t size = ZSTD_compress(packed, sizeof packed, text, sizeof text, 19);
                if (ZSTD_isError(size)) return 1;
                size_t restored = ZSTD_decompress(again, sizeof again, packed, size);
                printf("%d %zu %d\\n", size < 2000, restored, memcmp(text, again, sizeof text));
                packed[0] ^= 1;
                printf("%s\\n", ZSTD_getErrorName(ZSTD_decompress(again, sizeof again, packed, size)));
                return 0;
            }
            """)
        try Self.check(session, "libzstd.a", prints: "1 100000 0\nUnknown frame descriptor\n")
    }

    @Test("a Fortran subroutine solves equations with LAPACK, and says so by Fortran's own run time")
    func fortran() throws {
        let session = try Session()
        try session.write(
            "driver.f90",
            Array(
                """
                integer(c_int) function init_module() bind(c)
                  use iso_c_binding
                  implicit none
                  integer :: pivots(3), info
                  real(8) :: a(3, 3), b(3)
                  character(len=60) :: line
                  ! x = 1, y = 2, z = 3, column by column.
                  a = reshape([2d0, 1d0, 0d0, 1d0, 3d0, 1d0, 0d0, 1d0, 4d0], [3, 3])
                  b = [4d0, 10d0, 14d0]
                  call dgesv(3, 1, a, 3, pivots, b, 3, info)
                  write (line, '(3f8.4, i3)') b, info
                  call say(trim(line) // c_null_char)
                  init_module = info
                contains
                  subroutine say(text)
                    character(len=*), intent(in), target :: text
                    integer(c_int) :: ignored
                    interface
                      function puts(text) bind(c)
                        import
                        integer(c_int) :: puts
                        character(kind=c_char), intent(in) :: text(*)
                      end function
                    end interface
                    ignored = puts(text)
                  end subroutine
                end function
                """.utf8))
        try Tool.output("gfortran", ["-O2", "-c", session.path + "/driver.f90", "-o", session.path + "/driver.o"])
        try Self.check(
            session, "liblapack.a", "libblas.a", "libgfortran.a", "libquadmath.a", "libgcc.a",
            prints: "  1.0000  2.0000  3.0000  0\n")
    }

    @Test("RE2, a C++ library with constructors and exceptions beside it, finds and replaces")
    func plusPlus() throws {
        let session = try Session()
        try session.compile(
            "driver.o",
            """
            #include <cstdio>
            #include <re2/re2.h>
            #include <stdexcept>
            #include <string>
            static const std::string words = "gurka=3 tomat=12";
            static const RE2 pattern("(\\\\w+)=(\\\\d+)");
            extern "C" int init_module()
            {
                re2::StringPiece rest(words);
                std::string name;
                int count;
                while (RE2::FindAndConsume(&rest, pattern, &name, &count)) std::printf("%s %d\\n", name.c_str(), count);
                std::string text = words;
                RE2::GlobalReplace(&text, "[aeiou]", "_");
                std::puts(text.c_str());
                try { std::puts(&words.at(99)); } catch (const std::out_of_range &) { std::puts("out of range"); }
                return 0;
            }
            """, ["-O2"], language: .cxx)
        try Self.check(
            session, "libre2.a", "libstdc++.a",
            prints: "gurka 3\ntomat 12\ng_rk_=3 t_m_t=12\nout of range\n")
    }

    @Test("an Embedded Swift object runs")
    func embeddedSwift() throws {
        let session = try Session()
        try session.write(
            "driver.swift",
            Array(
                """
                @_extern(c, "printf") func print(_ format: UnsafePointer<CChar>, _ number: Int32) -> Int32
                @_extern(c, "puts") func put(_ text: UnsafePointer<CChar>) -> Int32

                struct Vegetable { var name: StaticString; var weight: Int }
                protocol Weighed { func total() -> Int }
                final class Basket: Weighed {
                    var contents: [Vegetable] = []
                    func total() -> Int { contents.reduce(0) { $0 + $1.weight } }
                    deinit { _ = put("emptied") }
                }
                func sum<T: Weighed>(_ basket: T) -> Int { basket.total() }

                @_cdecl("init_module") public func initialize() -> Int32 {
                    let basket = Basket()
                    for weight in 1...10 { basket.contents.append(Vegetable(name: "gurka", weight: weight * weight)) }
                    return print("%d\\n", Int32(sum(basket))) == 4 ? 0 : 1
                }
                """.utf8))
        try Tool.output(
            "swiftc",
            [
                "-enable-experimental-feature", "Embedded", "-enable-experimental-feature", "Extern", "-wmo",
                "-parse-as-library", "-O", "-c", session.path + "/driver.swift", "-o", session.path + "/driver.o",
            ])
        try Self.check(session, prints: "385\nemptied\n")
    }

    @Test(
        "a Rust object runs", .enabled(if: Tool.find("rustc") != nil, "rustc is not installed; its object is not tried")
    )
    func rust() throws {
        let session = try Session()
        try session.write(
            "driver.rs",
            Array(
                """
                #![no_std]
                use core::ffi::{c_char, c_int};
                extern "C" { fn printf(format: *const c_char, ...) -> c_int; }
                trait Weighed { fn weight(&self) -> u64; }
                struct Gurka(u64);
                struct Tomat;
                impl Weighed for Gurka { fn weight(&self) -> u64 { self.0 * self.0 } }
                impl Weighed for Tomat { fn weight(&self) -> u64 { 7 } }
                static ALL: [&(dyn Weighed + Sync); 3] = [&Gurka(3), &Tomat, &Gurka(4)];
                #[no_mangle] pub extern "C" fn init_module() -> c_int {
                    let total: u64 = ALL.iter().map(|one| one.weight()).sum();
                    unsafe { printf(c"%lu\\n".as_ptr(), total); }
                    0
                }
                #[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
                """.utf8))
        try Tool.output(
            "rustc",
            [
                "--edition", "2021", "--crate-type", "lib", "--emit", "obj", "-O", "-C", "panic=abort",
                session.path + "/driver.rs", "-o", session.path + "/driver.o",
            ])
        try Self.check(session, prints: "32\n")
    }

    @Test("an object that nasm assembles runs")
    func nasm() throws {
        let session = try Session()
        try session.write(
            "driver.asm",
            Array(
                """
                default rel
                extern printf
                global init_module:function
                section .rodata
                format: db "%d %d %s", 10, 0
                words: dq first, second
                first: db "gurka", 0
                second: db "tomat", 0
                section .data
                count: dd 41
                section .bss
                zeroes: resd 4
                section .text
                init_module:
                    push rbx
                    inc dword [count]
                    lea rdi, [format]
                    mov esi, [count]
                    mov edx, [zeroes + 8]
                    mov rcx, [words + 8]
                    xor eax, eax
                    call printf
                    xor eax, eax
                    pop rbx
                    ret
                """.utf8))
        try Tool.output("nasm", ["-f", "elf64", session.path + "/driver.asm", "-o", session.path + "/driver.o"])
        try Self.check(session, prints: "42 0 tomat\n")
    }

    @Test("an object that clang compiles runs")
    func clang() throws {
        let session = try Session()
        try session.write(
            "driver.o",
            try Compiler.clang.object(
                """
                #include <stdio.h>
                static int weights[] = { 3, 12, 7 };
                static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }
                extern void qsort(void *, size_t, size_t, int (*)(const void *, const void *));
                int init_module(void) { qsort(weights, 3, 4, compare); return printf("%d %d %d\\n", weights[0], weights[1], weights[2]) != 7; }
                """))
        try Self.check(session, prints: "3 7 12\n")
    }
}
