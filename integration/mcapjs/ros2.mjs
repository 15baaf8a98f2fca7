// Reads ROS 2 messages of an MCAP file, or without an argument from standard input: one JSON object with schema and payload (base64) a
// line. Prints for each message a JSON object with the message as Foxglove's libraries read it, and with the payload that they write.
import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import rosmsg from "@foxglove/rosmsg";
import serialization from "@foxglove/rosmsg2-serialization";
import { McapIndexedReader } from "@mcap/core";
import { FileHandleReadable } from "@mcap/nodejs";
import { loadDecompressHandlers } from "@mcap/support";

// toJSON writes 64-bit integers with all digits, bytes in base64, and numbers that JSON lacks as strings.
function toJSON(v) {
  if (v instanceof Uint8Array) {
    return JSON.stringify(Buffer.from(v).toString("base64"));
  }
  if (Array.isArray(v) || ArrayBuffer.isView(v)) {
    return `[${Array.from(v, toJSON).join(",")}]`;
  }
  switch (typeof v) {
    case "bigint":
      return v.toString();
    case "number":
      return Object.is(v, -0) ? "-0" : Number.isFinite(v) ? JSON.stringify(v) : JSON.stringify(String(v));
    case "object":
      return `{${Object.entries(v).map(([name, field]) => `${JSON.stringify(name)}:${toJSON(field)}`).join(",")}}`;
    default:
      return JSON.stringify(v);
  }
}

function answer(schema, payload) {
  const definitions = rosmsg.parse(schema, { ros2: true });
  const reader = new serialization.MessageReader(definitions);
  const message = reader.readMessage(payload);
  const written = Buffer.from(new serialization.MessageWriter(definitions).writeMessage(message)).toString("base64");
  console.log(`{"message":${toJSON(message)},"rest":${reader.lastReadHadTrailingBytes()},"written":"${written}"}`);
}

async function answerRecording(path) {
  const handle = await open(path);
  const reader = await McapIndexedReader.Initialize({ readable: new FileHandleReadable(handle), decompressHandlers: await loadDecompressHandlers() });
  for await (const message of reader.readMessages()) {
    const channel = reader.channelsById.get(message.channelId);
    const schema = reader.schemasById.get(channel.schemaId);
    if (channel.messageEncoding === "cdr" && schema.encoding === "ros2msg") {
      answer(new TextDecoder().decode(schema.data), message.data);
    }
  }
  await handle.close();
}

if (process.argv[2] != undefined) {
  await answerRecording(process.argv[2]);
} else {
  for await (const line of createInterface({ input: process.stdin })) {
    const { schema, payload } = JSON.parse(line);
    answer(schema, Buffer.from(payload, "base64"));
  }
}
