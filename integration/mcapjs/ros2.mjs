// Reads ROS 2 messages from standard input, one JSON object with schema and payload (base64) a line. Prints for each line a JSON object
// with the message as Foxglove's libraries read it, and with the payload that they write for it.
import { createInterface } from "node:readline";
import rosmsg from "@foxglove/rosmsg";
import serialization from "@foxglove/rosmsg2-serialization";

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

for await (const line of createInterface({ input: process.stdin })) {
  const { schema, payload } = JSON.parse(line);
  const definitions = rosmsg.parse(schema, { ros2: true });
  const reader = new serialization.MessageReader(definitions);
  const message = reader.readMessage(Buffer.from(payload, "base64"));
  const written = Buffer.from(new serialization.MessageWriter(definitions).writeMessage(message)).toString("base64");
  console.log(`{"message":${toJSON(message)},"rest":${reader.lastReadHadTrailingBytes()},"written":"${written}"}`);
}
