// The executable: the engine with a program's heap in its segment `.heap`.

const PT_LOAD = 1;
const PT_INTERP = 3;
/** Elf64_Ehdr and Elf64_Phdr (elf.h): where the fields stand that are used here. */
const HEADER = { programHeaders: 32, sectionHeaders: 40, programHeaderSize: 54, programHeaderCount: 56, sections: 58 };
const SEGMENT = { type: 0, offset: 8, fileSize: 32, memorySize: 40 };

/**
 * The engine's file with `heap` in its last segment, which is cut to that length; what lies behind it, section headers that
 * nothing needs in order to run the program, is left out. File size and memory size of the segment are the same, so the
 * kernel has nothing to clear.
 * @param engine {Buffer} an ELF file for a 64-bit little-endian processor
 * @param heap {Buffer} whole pages
 * @returns {Buffer}
 */
export function fillHeap(engine, heap) {
  const segment = lastSegment(engine);
  const start = Number(engine.readBigUInt64LE(segment + SEGMENT.offset));
  const room = Number(engine.readBigUInt64LE(segment + SEGMENT.fileSize));
  if (heap.length > room) throw new Error(`the heap has ${heap.length} bytes, and the segment only ${room}`);
  const executable = Buffer.concat([engine.subarray(0, start), heap]);
  for (const field of [SEGMENT.fileSize, SEGMENT.memorySize]) {
    executable.writeBigUInt64LE(BigInt(heap.length), segment + field);
  }
  executable.writeBigUInt64LE(0n, HEADER.sectionHeaders);
  executable.fill(0, HEADER.sections, HEADER.sections + 6); // size, count, and which has the names
  return executable;
}

/** Where the header of the segment with the highest address stands: the linker sorts them by address. */
function lastSegment(elf) {
  const [first, size, count] = [
    Number(elf.readBigUInt64LE(HEADER.programHeaders)),
    elf.readUInt16LE(HEADER.programHeaderSize),
    elf.readUInt16LE(HEADER.programHeaderCount),
  ];
  const headers = Array.from({ length: count }, (_, at) => first + at * size);
  const ofType = (type) => headers.filter((at) => elf.readUInt32LE(at + SEGMENT.type) === type);
  if (ofType(PT_INTERP).length > 0)
    throw new Error('the engine is linked dynamically: a node need not have its C library');
  const last = ofType(PT_LOAD).at(-1);
  if (last === undefined) throw new Error('the engine has no segment to load');
  return last;
}
