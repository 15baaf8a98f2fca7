// Reads an MCAP file twice with CRC validation, as a stream and by its index, and prints what it found as one line of JSON.
import { open } from "node:fs/promises";
import { createReadStream } from "node:fs";
import { createHash } from "node:crypto";
import { McapIndexedReader, McapStreamReader } from "@mcap/core";
import { FileHandleReadable } from "@mcap/nodejs";
import { loadDecompressHandlers } from "@mcap/support";

class Summary {
  channels = new Map();
  schemas = new Map();
  topics = {};
  messages = 0;
  hash = createHash("sha256");

  add(message) {
    const channel = this.channels.get(message.channelId);
    if (channel == undefined) {
      throw new Error(`a message before its channel ${message.channelId}`);
    }
    const topic = (this.topics[channel.topic] ??= { messages: 0, hash: createHash("sha256") });
    const schema = this.schemas.get(channel.schemaId);
    topic.type = { encoding: channel.messageEncoding, name: schema?.name ?? "", schemaEncoding: schema?.encoding ?? "", schema: Buffer.from(schema?.data ?? []).toString("base64") };
    topic.metadata = Object.fromEntries(channel.metadata);
    topic.messages++;
    topic.hash.update(message.data);
    topic.lastSequence = message.sequence;
    this.messages++;
    this.hash.update(channel.topic).update(message.data);
  }

  toJSON() {
    const topics = {};
    for (const [name, t] of Object.entries(this.topics)) {
      topics[name] = { ...t, hash: t.hash.digest("hex") };
    }
    return { messages: this.messages, hash: this.hash.digest("hex"), topics };
  }
}

async function byStream(path, decompressHandlers) {
  const summary = new Summary();
  const reader = new McapStreamReader({ decompressHandlers, validateCrcs: true });
  const kinds = {};
  let record;
  for await (const data of createReadStream(path)) {
    reader.append(data);
    while ((record = reader.nextRecord()) != undefined) {
      kinds[record.type] = (kinds[record.type] ?? 0) + 1;
      switch (record.type) {
        case "Schema": summary.schemas.set(record.id, record); break;
        case "Channel": summary.channels.set(record.id, record); break;
        case "Message": summary.add(record); break;
      }
    }
  }
  if (!reader.done()) {
    throw new Error("the file has no end");
  }
  return { ...summary.toJSON(), kinds };
}

async function byIndex(path, decompressHandlers) {
  const handle = await open(path);
  try {
    const reader = await McapIndexedReader.Initialize({ readable: new FileHandleReadable(handle), decompressHandlers });
    const summary = new Summary();
    summary.channels = reader.channelsById;
    summary.schemas = reader.schemasById;
    for await (const message of reader.readMessages({ validateCrcs: true })) {
      summary.add(message);
    }
    const s = reader.statistics;
    const metadata = {};
    for await (const m of reader.readMetadata()) {
      metadata[m.name] = Object.fromEntries(m.metadata);
    }
    const attachments = {};
    let attachmentsError = "";
    try {
      for await (const a of reader.readAttachments({ validateCrcs: true })) {
        attachments[a.name] = `${a.mediaType} ${a.logTime} ${a.createTime} ${createHash("sha256").update(a.data).digest("hex")}`;
      }
    } catch (error) {
      attachmentsError = error.message;
    }
    return {
      ...summary.toJSON(),
      metadata,
      attachments,
      attachmentsError,
      chunks: reader.chunkIndexes.length,
      statistics: { messages: Number(s.messageCount), channels: s.channelCount, schemas: s.schemaCount, chunks: s.chunkCount, start: String(s.messageStartTime), end: String(s.messageEndTime) },
    };
  } finally {
    await handle.close();
  }
}

const decompressHandlers = await loadDecompressHandlers();
const path = process.argv[2];
console.log(JSON.stringify({ stream: await byStream(path, decompressHandlers), index: await byIndex(path, decompressHandlers) }));
