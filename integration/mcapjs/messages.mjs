// Compares schemas with those of Foxglove, or reads the messages of an MCAP file by the schemas in it.
//
//   node messages.mjs schemas          standard input: one JSON object with encoding, name and schema (base64) a line
//   node messages.mjs recording FILE   prints a JSON object with topic, name and message for each message
import { isDeepStrictEqual } from "node:util";
import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import rosmsg from "@foxglove/rosmsg";
import rosmsgsCommon from "@foxglove/rosmsg-msgs-common";
import serialization from "@foxglove/rosmsg2-serialization";
import schemas from "@foxglove/schemas/internal.js";
import { McapIndexedReader } from "@mcap/core";
import { FileHandleReadable } from "@mcap/nodejs";
import { loadDecompressHandlers } from "@mcap/support";
import protobuf from "protobufjs";
import descriptor from "protobufjs/ext/descriptor/index.js";

const differences = [];

function compare(what, ours, theirs) {
  if (!isDeepStrictEqual(ours, theirs)) {
    differences.push(`${what}: ours ${JSON.stringify(ours)}, theirs ${JSON.stringify(theirs)}`);
  }
}

// rosFields are the fields and constants of a definition of ROS 2.
function rosFields(definition) {
  return definition.definitions.map(({ name, type, isArray, arrayLength, isConstant, value, defaultValue }) => ({
    name, type, isArray: isArray ?? false, arrayLength, isConstant: isConstant ?? false, value, defaultValue,
  }));
}

function compareROS2(name, text) {
  for (const [i, definition] of rosmsg.parse(text, { ros2: true }).entries()) {
    const known = i === 0 ? name.replace("/msg/", "/") : definition.name;
    if (known === "builtin_interfaces/Time") {
      compare(known, definition.definitions.map((f) => `${f.type} ${f.name}`), ["int32 sec", "uint32 nanosec"]);
      continue;
    }
    for (const release of ["ros2humble", "ros2iron", "ros2jazzy"]) {
      compare(`${known} of ${release}`, rosFields(definition), rosFields(rosmsgsCommon[release][known]));
    }
  }
}

// fieldNames are the names of the fields of a message of ROS 2, for messages that Foxglove has in no other form.
function fieldNames(name) {
  const [, pkg, type] = name.split(".");
  return rosmsgsCommon.ros2jazzy[`${pkg}/${type}`].definitions.filter((f) => f.isConstant !== true).map((f) => f.name);
}

// messageOf are the fields of a protobuf message by number, with those of the messages in it.
function messageOf(type) {
  const fields = {};
  for (const f of Object.values(type.fields)) {
    f.resolve();
    const inner = f.resolvedType;
    fields[f.id] = {
      name: f.name, repeated: f.repeated, optional: f.partOf != undefined,
      type: inner instanceof protobuf.Type ? { name: inner.fullName, fields: messageOf(inner) }
        : inner instanceof protobuf.Enum ? { name: inner.fullName, values: { ...inner.values } } : f.type,
    };
  }
  return fields;
}

const nestedEnums = (name) => Object.values(schemas.foxgloveEnumSchemas).filter((e) => e.parentSchemaName === name);

// foxgloveRoot has all messages of Foxglove.
function foxgloveRoot() {
  const root = new protobuf.Root();
  for (const schema of Object.values(schemas.foxgloveMessageSchemas)) {
    if (schema.protoEquivalent == undefined) {
      protobuf.parse(schemas.generateProto(schema, nestedEnums(schema.name)), root, { keepCase: true });
    }
  }
  root.addJSON(protobuf.common.get("google/protobuf/timestamp.proto").nested);
  root.addJSON(protobuf.common.get("google/protobuf/duration.proto").nested);
  root.resolveAll();
  return root;
}

function rootOf(schema) {
  return protobuf.Root.fromDescriptor(descriptor.FileDescriptorSet.decode(schema));
}

function compareProtobuf(name, schema, theirs) {
  const ours = rootOf(schema).lookupType(name);
  if (name.startsWith("ros.")) {
    compare(name, Object.values(ours.fields).map((f) => f.name), fieldNames(name));
  } else {
    compare(name, messageOf(ours), messageOf(theirs.lookupType(name)));
  }
}

// plain is a JSON schema without texts for readers.
function plain(schema) {
  return JSON.parse(JSON.stringify(schema, (key, value) => (key === "$comment" || (key === "description" && typeof value === "string") ? undefined : value)));
}

function compareJSON(name, schema) {
  const ours = JSON.parse(Buffer.from(schema).toString());
  if (name.startsWith("ros.")) {
    compare(name, Object.keys(ours.properties), fieldNames(name));
  } else {
    compare(name, ours, plain(schemas.generateJsonSchema(schemas.foxgloveMessageSchemas[name.replace("foxglove.", "")])));
  }
}

async function compareSchemas() {
  const theirs = foxgloveRoot();
  let compared = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    const { encoding, name, schema } = JSON.parse(line);
    const bytes = Buffer.from(schema, "base64");
    switch (encoding) {
      case "cdr": compareROS2(name, bytes.toString()); break;
      case "protobuf": compareProtobuf(name, bytes, theirs); break;
      case "json": compareJSON(name, bytes); break;
      default: throw new Error(`encoding ${encoding}`);
    }
    compared++;
  }
  console.log(JSON.stringify({ compared, differences }));
}

// generic is a message as JSON has it: bytes in base64, times as sec and nsec, as viewers see them.
function generic(v) {
  if (v instanceof Uint8Array) {
    return Buffer.from(v).toString("base64");
  }
  if (Array.isArray(v) || ArrayBuffer.isView(v)) {
    return Array.from(v, generic);
  }
  if (typeof v !== "object") {
    return v;
  }
  const keys = Object.keys(v).join();
  if (keys === "seconds,nanos") {
    return { sec: Number(v.seconds), nsec: v.nanos };
  }
  return Object.fromEntries(Object.entries(v).map(([name, field]) => [name, generic(field)]));
}

function decode(channel, schema, data) {
  switch (`${channel.messageEncoding} ${schema?.encoding ?? ""}`) {
    case "cdr ros2msg":
      return new serialization.MessageReader(rosmsg.parse(Buffer.from(schema.data).toString(), { ros2: true })).readMessage(data);
    case "protobuf protobuf": {
      const type = rootOf(schema.data).lookupType(schema.name);
      return type.toObject(type.decode(data), { longs: Number, enums: Number, defaults: true, arrays: true });
    }
    case "json ":
    case "json jsonschema":
      return JSON.parse(Buffer.from(data).toString());
  }
  throw new Error(`${channel.topic}: ${channel.messageEncoding} with schema ${schema?.encoding}`);
}

async function readRecording(path) {
  const handle = await open(path);
  const reader = await McapIndexedReader.Initialize({ readable: new FileHandleReadable(handle), decompressHandlers: await loadDecompressHandlers() });
  for await (const message of reader.readMessages()) {
    const channel = reader.channelsById.get(message.channelId);
    const schema = reader.schemasById.get(channel.schemaId);
    console.log(JSON.stringify({ topic: channel.topic, name: schema?.name, message: generic(decode(channel, schema, message.data)) }));
  }
  await handle.close();
}

await (process.argv[2] === "schemas" ? compareSchemas() : readRecording(process.argv[3]));
