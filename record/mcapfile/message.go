package mcapfile

// A Channel is a stream of messages of one type on one topic.
type Channel struct {
	ID             uint16 // within its file, from 0
	Topic          string
	Encoding       string // of the messages
	SchemaName     string // name of the type; "" and no schema = unknown type
	SchemaEncoding string
	Schema         []byte
	Metadata       map[string]string

	// Of a channel that was read from a file: the ID of its schema, and how many channels before it in the same file differ only in their ID.
	schemaID uint16
	nth      int
}

// A Message is one message of a file.
type Message struct {
	Channel     *Channel
	Sequence    uint32
	LogTime     uint64 // time of recording
	PublishTime uint64 // time of publishing
	Data        []byte
}

// Sizes in bytes before the payload of a message record: opcode, length; channel, sequence, log time, publish time.
const (
	recordHead  = 1 + 8
	messageHead = 2 + 4 + 8 + 8
)
