/*
 * Holds the packets' layout still. The sizes are asserted beside the structures; here are the places of the fields,
 * which two sides that were compiled apart (for two machines, or from two versions) must agree on.
 */
#include "SpaceProtocol.h"

#include <stddef.h>

#define AT(type, field, offset)       \
    _Static_assert(                   \
        offsetof(struct type, field) == (offset), #type "." #field " has moved: raise SPACE_PROTOCOL_VERSION")

AT(space_segment, address, 0);
AT(space_segment, file_offset, 8);
AT(space_segment, file_size, 16);
AT(space_segment, memory_size, 24);
AT(space_segment, protection, 32);

AT(space_request, kind, 0);
AT(space_request, sequence, 4);
AT(space_request, address, 8);
AT(space_request, size, 16);
AT(space_request, arguments, 24);
AT(space_request, count, 56);
AT(space_request, flags, 60);
AT(space_request, timeout_milliseconds, 64);
AT(space_request, segments, 72);
AT(space_request, addresses, 392);
AT(space_request, bytes, 520);

AT(space_fault, signal, 0);
AT(space_fault, code, 4);
AT(space_fault, address, 8);
AT(space_fault, instruction_pointer, 16);
AT(space_fault, stack_pointer, 24);
AT(space_fault, frame_pointer, 32);
AT(space_fault, stack_start, 40);
AT(space_fault, stack_end, 48);
AT(space_fault, registers, 56);
AT(space_fault, register_count, 376);
AT(space_fault, index, 380);
AT(space_fault, thread, 384);
AT(space_fault, kind, 388);
AT(space_fault, floating_state, 392);
AT(space_fault, start_routine, 400);

AT(space_reply, kind, 0);
AT(space_reply, sequence, 4);
AT(space_reply, status, 8);
AT(space_reply, version, 12);
AT(space_reply, result, 16);
AT(space_reply, process, 24);
AT(space_reply, page_size, 28);
AT(space_reply, window_start, 32);
AT(space_reply, window_end, 40);
AT(space_reply, reserve_offset, 48);
AT(space_reply, reserve_size, 56);
AT(space_reply, reserve_alignment, 60);
AT(space_reply, results, 64);
AT(space_reply, bytes, 192);
AT(space_reply, fault, 320);
