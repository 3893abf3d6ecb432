/** Bytes at rest and the formats they come in. Files (`file.ts`) are apart: they need Deno, and all this runs in a page. */
export { crc32 } from "./crc32.ts";
export { type Json, JsonFloat, JsonObject, type JsonOptions, parseJson } from "./json.ts";
export { type Npy, readNpy } from "./npy.ts";
export { openSource, type SourceInput } from "./open.ts";
export { type PickleLimits, type PickleOptions, unpickle } from "./pickle.ts";
export {
  Global,
  Persistent,
  type PickleValue,
  PyDict,
  type PyDictType,
  PyFloat,
  PyList,
  PySet,
  PyTuple,
  Reduced,
} from "./pickle_values.ts";
export {
  readSafetensors,
  type Safetensors,
  type SafetensorsEntry,
  type SafetensorsInput,
  writeSafetensors,
} from "./safetensors.ts";
export { copyRange, MemorySink, paddingTo, type Sink } from "./sink.ts";
export {
  blobSource,
  type ByteRange,
  byteRange,
  bytesSource,
  chunks,
  rangeSource,
  readRange,
  rootRange,
  type Source,
  subRange,
} from "./source.ts";
export { readZipDirectory, Zip, type ZipEntry, type ZipLimits, type ZipReadOptions } from "./zip.ts";
export { ZipWriter, type ZipWriterOptions } from "./zip_writer.ts";
