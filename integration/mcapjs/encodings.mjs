// Reads an MCAP file and decodes each message with the libraries that others use for its encoding, by the schema in the file alone. Prints
// one line of JSON for each message: its type, and the message as JSON where there is a decoder for the encoding. A message with a
// JSON Schema is validated against it.
import { open } from "node:fs/promises";
import { createFileRegistry, fromBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import rosmsg from "@foxglove/rosmsg";
import serialization from "@foxglove/rosmsg2-serialization";
import { McapIndexedReader } from "@mcap/core";
import { FileHandleReadable } from "@mcap/nodejs";
import { loadDecompressHandlers } from "@mcap/support";
import msgpack from "@msgpack/msgpack";
import Ajv2020 from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { decode as decodeCBOR } from "cbor2";
import protobufjs from "protobufjs";
import "protobufjs/ext/descriptor/index.js";

const text = new TextDecoder("utf-8", { fatal: true });

// Of each encoding: a function of the schema's name and bytes that returns a function from payload to message.
const decoders = {
  string: () => (payload) => text.decode(payload),
  json: () => (payload) => JSON.parse(text.decode(payload)),
  cbor: () => (payload) => decodeCBOR(payload),
  msgpack: () => (payload) => msgpack.decode(payload, { useBigInt64: true }),
  protobuf: (name, schema) => {
    const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, schema));
    const type = registry.getMessage(name);
    const other = protobufjs.Root.fromDescriptor(schema).lookupType(name); // what viewers use
    return (payload) => {
      if (other.encode(other.decode(payload)).finish().length !== payload.length) {
        throw new Error(`protobufjs reads another message of ${name}`);
      }
      return toJson(type, fromBinary(type, payload), { registry, alwaysEmitImplicit: true });
    };
  },
  cdr: (_name, schema) => {
    const reader = new serialization.MessageReader(rosmsg.parse(text.decode(schema), { ros2: true }));
    return (payload) => reader.readMessage(payload);
  },
};

// plain replaces what JSON lacks, as the tools of shmbus do: bytes by base64, 64-bit integers by numbers.
function plain(v) {
  if (v instanceof Uint8Array) {
    return Buffer.from(v).toString("base64");
  }
  if (Array.isArray(v) || ArrayBuffer.isView(v)) {
    return Array.from(v, plain);
  }
  if (typeof v === "bigint") {
    return Number(v);
  }
  if (v != null && typeof v === "object") {
    return Object.fromEntries(Object.entries(v).map(([name, field]) => [name, plain(field)]));
  }
  return v;
}

const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
formats(ajv);

// A reader has what is made of a schema once.
function readerOf(channel, schema) {
  const data = schema?.data ?? new Uint8Array();
  return {
    decode: decoders[channel.messageEncoding]?.(schema?.name, data),
    validate: schema?.encoding === "jsonschema" ? ajv.compile(JSON.parse(text.decode(data))) : undefined,
  };
}

const handle = await open(process.argv[2]);
const reader = await McapIndexedReader.Initialize({ readable: new FileHandleReadable(handle), decompressHandlers: await loadDecompressHandlers() });
const readers = new Map();
for await (const message of reader.readMessages({ validateCrcs: true })) {
  const channel = reader.channelsById.get(message.channelId);
  const schema = reader.schemasById.get(channel.schemaId);
  if (!readers.has(channel.id)) {
    readers.set(channel.id, readerOf(channel, schema));
  }
  const { decode, validate } = readers.get(channel.id);
  const decoded = plain(decode?.(message.data));
  const valid = validate?.(decoded);
  // A schema that permits everything proves nothing.
  const refuses = validate == undefined ? undefined : !validate({}) && !validate({ ...decoded, frame: 5 });
  validate?.(decoded);
  console.log(JSON.stringify({
    topic: channel.topic, encoding: channel.messageEncoding, type: schema?.name ?? "", schemaEncoding: schema?.encoding ?? "",
    message: decoded, valid, refuses, errors: validate?.errors ?? undefined,
  }));
}
await handle.close();
