package mcapfile

// A Channel is one stream of messages of one type on one topic.
type Channel struct {
	ID             uint16 // within its file, from 0
	Topic          string
	Encoding       string // of the messages
	SchemaName     string // name of the type; "" and no schema = nothing known
	SchemaEncoding string
	Schema         []byte
	Metadata       map[string]string
}

// A Message is one message of a file.
type Message struct {
	Channel     *Channel
	Sequence    uint32
	LogTime     uint64 // when it was recorded
	PublishTime uint64 // when it was published
	Data        []byte
}

// Bytes of a message record around the payload: opcode, length, channel, sequence, log time, publish time.
const (
	recordHead  = 1 + 8
	messageHead = 2 + 4 + 8 + 8
)
