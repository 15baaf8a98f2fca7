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

	schemaID uint16 // within its file, if it was read from one
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
