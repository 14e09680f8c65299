/*
 * devices PART: system calls and devices of modules, used from a program. Prints a line for each thing that is tried, which ends in ": ok".
 */
#define _GNU_SOURCE
#include "modules.h"

#include <sys/ioctl.h>
#include <unistd.h>

#define KEEPSIZE _IOR('K', 1, int)
#define SIZE 65536

static modlink_t *handle;
static char bytes[SIZE + 1], others[SIZE + 1];

static int opened(const char *device, unsigned minor, unsigned flags)
{
    return modlink_device_open(handle, device, NULL, minor, flags);
}

static int unload(const char *name)
{
    return modlink_unload(handle, &name, 1);
}

static int load(const char *file)
{
    const char *files[] = {file, NULL};
    struct modlink_source source = {.files = files};
    return modlink_load(handle, &source, 1, NULL);
}

static void calls(void)
{
    int64_t values[2] = {9, 9};
    check("a module is loaded", load("call.o") == 0);
    ROW("a call", modlink_system_call(handle, 210, NULL, (int64_t[]){2, -5}, 2, values), 0);
    check("its result", values[0] == -3 && values[1] == 0);
    ROW("without a place for the result", modlink_system_call(handle, 210, NULL, (int64_t[]){2, 3}, 2, NULL), 0);
    ROW("without arguments", modlink_system_call(handle, 210, NULL, NULL, 0, values), 0);
    check("they are zeros", values[0] == 0);
    int64_t nine[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    ROW("eight arguments", modlink_system_call(handle, 210, NULL, nine, 8, values), 0);
    ROW("nine arguments", modlink_system_call(handle, 210, NULL, nine, 9, values), EIO);
    check("why not", strcmp(modlink_error(handle), "system call 210: 9 arguments: a system call is given 8 at most") == 0);
    ROW("a slot that nobody has", modlink_system_call(handle, 211, NULL, NULL, 0, values), ENOSYS);
    check("it says so", strcmp(modlink_error(handle), "system call 211: Function not implemented") == 0);
    ROW("the last slot", modlink_system_call(handle, 511, NULL, NULL, 0, values), ENOSYS);
    ROW("behind it", modlink_system_call(handle, 512, NULL, NULL, 0, values), ENOSYS);
    ROW("before the first", modlink_system_call(handle, -1, NULL, NULL, 0, values), ENOSYS);
    ROW("a space that does not run", modlink_system_call(handle, 210, "i386", NULL, 0, values), ENODEV);
    ROW("the module goes", unload("call"), 0);
    ROW("and with it the call", modlink_system_call(handle, 210, NULL, NULL, 0, values), ENOSYS);
}

static void device(void)
{
    int size = 0;
    char text[8] = "";
    check("a module is loaded", load("device.o") == 0);
    int file = opened("device", 0, MODLINK_DEVICE_READ | MODLINK_DEVICE_WRITE);
    check("its device is opened", file >= 0);
    ROW("once more: it refuses", opened("device", 0, MODLINK_DEVICE_READ), EBUSY);
    check("it says so", strcmp(modlink_error(handle), "device: device 0,0 cannot be opened (EBUSY)") == 0);
    check("a write", modlink_device_write(file, "gurka", 5) == 5);
    ROW("an ioctl", modlink_device_ioctl(file, KEEPSIZE, &size, sizeof size), 0);
    check("what it gives", size == 5);
    ROW("an ioctl that it does not have", modlink_device_ioctl(file, KEEPSIZE + 1, &size, sizeof size), ENOTTY);
    check("a read where the write has ended", modlink_device_read(file, text, sizeof text) == 0);
    ROW("more than it keeps", modlink_device_write(file, bytes, 65), ENOSPC);
    ROW("it is closed", modlink_device_close(file), 0);
    file = opened("0", 0, MODLINK_DEVICE_READ);
    check("it is opened again, by its number", file >= 0);
    check("a read from the start", modlink_device_read(file, text, 3) == 3 && memcmp(text, "gur", 3) == 0);
    check("a read that goes on", modlink_device_read(file, text, sizeof text) == 2 && memcmp(text, "ka", 2) == 0);
    check("a read at the end", modlink_device_read(file, text, sizeof text) == 0);
    ROW("a write, when it is open to be read", modlink_device_write(file, "x", 1), EBADF);
    ROW("the module does not go", unload("device"), EBUSY);
    char reason[200];
    snprintf(reason, sizeof reason, "device: in use: its device 0,0 (process %d of user %d) is open (EBUSY)", getpid(), geteuid());
    check("why not", strcmp(modlink_error(handle), reason) == 0);
    close(file);
    file = -1;
    for (int i = 0; i < 200 && file < 0; i++, usleep(10000)) {
        file = opened("device", 0, MODLINK_DEVICE_WRITE);
    }
    check("close(2) closes it", file >= 0);
    ROW("a read, when it is open to be written", modlink_device_read(file, text, 1), EBADF);
    ROW("it is closed", modlink_device_close(file), 0);
    ROW("the module goes", unload("device"), 0);
}

static void refusals(void)
{
    const unsigned both = MODLINK_DEVICE_READ | MODLINK_DEVICE_WRITE;
    check("modules are loaded", load("device.o") == 0 && load("call.o") == 0);
    ROW("no such module", opened("gurka", 0, both), ENOENT);
    ROW("a module without a device", opened("call", 0, both), ENODEV);
    ROW("no block device", opened("device", 0, both | MODLINK_DEVICE_BLOCK), ENODEV);
    ROW("no such number", opened("1", 0, both), ENXIO);
    ROW("the last number", opened("511", 0, both), ENXIO);
    ROW("behind it", opened("512", 0, both), ENXIO);
    ROW("a number beyond all", opened("18446744073709551616", 0, both), ENOENT);
    ROW("the last minor number: the device refuses", opened("device", 0xfffff, both), ENXIO);
    ROW("behind it", opened("device", 0x100000, both), EINVAL);
    ROW("neither to read nor to write", opened("device", 0, 0), EINVAL);
    ROW("not to wait", opened("device", 0, MODLINK_DEVICE_NONBLOCK), EINVAL);
    ROW("a flag that is none", opened("device", 0, 4 | both), EINVAL);
    ROW("another space", modlink_device_open(handle, "device", "i386", 0, both), ENOENT);
    ROW("no such space", modlink_device_open(handle, "device", "vax", 0, both), ENODEV);
    ROW("a descriptor that is none", modlink_device_read(-1, bytes, 1), EBADF);
    int file = opened("device", 0, both | MODLINK_DEVICE_NONBLOCK);
    check("a device that is there", file >= 0);
    ROW("it is closed", modlink_device_close(file), 0);
    ROW("what is closed", modlink_device_close(file), EBADF);
}

static void sizes(void)
{
    check("a module is loaded", load("big.o") == 0);
    int file = opened("big", 0, MODLINK_DEVICE_READ | MODLINK_DEVICE_WRITE);
    check("its device is opened", file >= 0);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(i * 7 + i / 256);
    }
    check("no bytes", modlink_device_write(file, bytes, 0) == 0 && modlink_device_read(file, others, 0) == 0);
    check("as many as go at once", modlink_device_write(file, bytes, SIZE) == SIZE);
    check("come back", modlink_device_read(file, others, SIZE) == SIZE && memcmp(bytes, others, SIZE) == 0);
    check("one more is not written", modlink_device_write(file, bytes, SIZE + 1) == SIZE);
    check("nor read", modlink_device_read(file, others, SIZE + 1) == SIZE);
    memcpy(others, bytes, SIZE);
    ROW("an ioctl with as many", modlink_device_ioctl(file, 1, others, SIZE), 0);
    int inverted = 1;
    for (size_t i = 0; i < SIZE; i++) {
        inverted &= others[i] == (char)~bytes[i];
    }
    check("what it has made of them", inverted);
    ROW("with one more", modlink_device_ioctl(file, 1, others, SIZE + 1), EINVAL);
    ROW("without bytes", modlink_device_ioctl(file, 1, NULL, 0), 0);
    ROW("what makes it refuse to be closed", modlink_device_ioctl(file, 4, NULL, 0), 0);
    ROW("it is closed nevertheless", modlink_device_close(file), EBUSY);
    ROW("the module goes", unload("big"), 0);
    check("closed once", strcmp(modlink_output(handle), "big: opened 1, closed 1\n") == 0);
    check("it is loaded again", load("big.o") == 0);
    file = opened("big", 0, MODLINK_DEVICE_READ);
    ROW("what runs beyond the bytes", modlink_device_ioctl(file, 3, others, 4), EIO);
    ROW("it has faulted, and is not called again", modlink_device_ioctl(file, 1, NULL, 0), EIO);
    ROW("it is closed without being called", modlink_device_close(file), 0);
    ROW("the module does not go so", unload("big"), EBUSY);
}

static void swapped(void)
{
    check("a module is loaded", load("big.o") == 0);
    int file = opened("big", 0, MODLINK_DEVICE_READ);
    check("its device is opened", file >= 0);
    ROW("it puts another in its place", modlink_device_ioctl(file, 6, NULL, 0), 0);
    ROW("that is not the one that was opened", modlink_device_read(file, bytes, 1), ENXIO);
    int other = opened("0", 0, MODLINK_DEVICE_READ);
    check("it is opened", other >= 0);
    check("and read", modlink_device_read(other, others, 1) == 0);
    ROW("it is closed", modlink_device_close(other), 0);
    ROW("the one that is gone is closed", modlink_device_close(file), ENXIO);
    ROW("the module goes", unload("big"), 0);
}

static void blocks(void)
{
    const unsigned both = MODLINK_DEVICE_READ | MODLINK_DEVICE_WRITE | MODLINK_DEVICE_BLOCK;
    int count = 0;
    check("a module is loaded", load("disk.o") == 0);
    int file = opened("disk", 0, both), other = opened("4", 0, both);
    check("its device is opened twice", file >= 0 && other >= 0);
    ROW("as a character device it is not", opened("disk", 0, MODLINK_DEVICE_READ), ENODEV);
    ROW("an ioctl", modlink_device_ioctl(file, 1, &count, sizeof count), 0);
    check("what it gives", count == 8);
    memset(bytes, 'a', 512);
    memset(bytes + 512, 'b', 512);
    check("no block", modlink_device_write(file, bytes, 0) == 0);
    check("two blocks are written", modlink_device_write(file, bytes, 1024) == 1024);
    ROW("one byte less", modlink_device_write(file, bytes, 511), EINVAL);
    ROW("one byte more", modlink_device_write(file, bytes, 513), EINVAL);
    check("one is read", modlink_device_read(other, others, 512) == 512 && memcmp(others, bytes, 512) == 0);
    check("the rest", modlink_device_read(other, others, SIZE) == 7 * 512 && memcmp(others, bytes + 512, 512) == 0);
    check("there is no more", modlink_device_read(other, others, 512) == 0);
    check("nor room", modlink_device_write(other, bytes, 512) == 0);
    ROW("the module does not go", unload("disk"), EBUSY);
    ROW("one is closed", modlink_device_close(file), 0);
    ROW("the other is closed", modlink_device_close(other), 0);
    ROW("the module goes", unload("disk"), 0);
}

/* Holds the device until it is killed. */
static void hold(void)
{
    int file = opened("big", 0, MODLINK_DEVICE_READ);
    printf("%d\n", file >= 0);
    fflush(stdout);
    pause();
}

/* Asks for something without an end. */
static void hang(void)
{
    int file = opened("big", 0, MODLINK_DEVICE_READ);
    printf("%d\n", file >= 0);
    fflush(stdout);
    modlink_device_ioctl(file, 5, NULL, 0);
}

/* Opens what waits in its open. */
static void opening(void)
{
    opened("pipe", 9, MODLINK_DEVICE_READ);
}

/* Run by an init, while the space waits for that. */
static void within(void)
{
    ROW("a system call", modlink_system_call(handle, 210, NULL, NULL, 0, NULL), EBUSY);
    ROW("a device", opened("0", 0, MODLINK_DEVICE_READ), EBUSY);
}

/* Another user than the daemon's. */
static void stranger(void)
{
    ROW("a system call", modlink_system_call(handle, 210, NULL, NULL, 0, NULL), EPERM);
    ROW("a device", opened("0", 0, MODLINK_DEVICE_READ), EPERM);
}

int main(int count, char **arguments)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"calls", calls}, {"device", device}, {"refusals", refusals}, {"sizes", sizes}, {"blocks", blocks}, {"swapped", swapped},
                 {"hold", hold}, {"hang", hang}, {"opening", opening}, {"stranger", stranger}, {"within", within}};
    handle = modlink_open(NULL, 0);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (handle != NULL && count == 2 && strcmp(arguments[1], parts[i].name) == 0) {
            parts[i].run();
            return 0;
        }
    }
    return 64;
}
