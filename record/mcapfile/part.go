package mcapfile

import (
	"io"
	"time"
)

// A Range is a run of sequence numbers of a channel that a metadata record describes. A Writer puts the record into each file
// before the first message of the range. Ranges are compared by identity and used on goroutines of the Writer.
type Range interface {
	// Metadata describes the rest of the range from a sequence number on. passed messages before it are not missing.
	Metadata(from uint32, passed uint64) (name, key, value string)
	// Unknown describes the same numbers without saying whose they are. It applies where the limit of such records is reached.
	Unknown(from uint32) (name, key, value string)
	// Number converts a sequence number to one that has no gaps between ranges.
	Number(sequence uint32) uint64
}

// Extra says what belongs to a message besides. The zero value is right for most.
type Extra struct {
	Range Range // nil = none
	// Latched identifies the source of a latched message. Each file begins with the newest message of each source. It must be comparable; nil =
	// not latched. Of a source with keys, it is the newest message of each Key.
	Latched any
	Key     string
}

// An Attachment is a file within a file.
type Attachment struct {
	Name      string
	MediaType string // such as "text/plain"
	Created   time.Time
	Data      []byte
}

// A Part is one file of a Writer. Each is complete: it has the schemas and channels of its messages, and the newest earlier
// message of each latched source. Its functions may be nil. They run on a goroutine of the Writer and must not call methods that add
// something to it.
type Part struct {
	Dst         io.Writer
	Metadata    []Metadata // written at the beginning
	Attachments []Attachment
	LogTime     uint64            // of the attachments, and of the repeated messages unless the first message is earlier
	Ending      func() []Metadata // returns what is written at the end, when the counts of the messages are final
	Done        func(err error)   // is called when the file is complete, or could not be completed because of err
	// Limit is the largest size of the file in bytes, unless its first chunk is larger; 0 = none. Next returns the part that follows a full
	// one.
	Limit int64
	Next  func() (*Part, error)
}

// Begin lets a part begin, with the messages that are held. The part before must have been ended. Errors of the destination are
// those of the next Write.
func (w *Writer) Begin(p *Part) { w.begin(&mark{part: p}) }

// BeginWith is Begin for a part that make returns when everything before it is written: after the parts that Part.Next has returned by then.
// make is not called after an error. An error of it is that of the next Write.
func (w *Writer) BeginWith(make func() (*Part, error)) { w.begin(&mark{make: make}) }

func (w *Writer) begin(m *mark) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holding {
		w.cut()
		w.evict()
	}
	w.insert(m)
	w.holding, w.held, w.heldBytes = false, 0, 0
	w.changed.Broadcast()
}

// End ends the current part with its messages so far, metadata and the index. Begin or Hold must follow before the next message.
func (w *Writer) End() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut()
	w.insert(&mark{channels: w.channels[:len(w.channels):len(w.channels)]})
}

// Hold keeps later messages in memory until the next Begin: at least those of the last age, at most so many bytes. Older ones are
// discarded.
func (w *Writer) Hold(age time.Duration, bytes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut()
	w.holding, w.holdAge, w.holdBytes, w.evicted = true, age, bytes, time.Time{}
}

// HeldTime returns how far back the held messages reach, and whether that is less than the age of Hold because older ones were too large.
func (w *Writer) HeldTime() (reach time.Duration, short bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if reach = time.Since(w.evicted); !w.holding || w.evicted.IsZero() || reach >= w.holdAge {
		return w.holdAge, false
	}
	return reach, true
}

// A mark is a place in the queue where a part begins or ends.
type mark struct {
	part     *Part
	make     func() (*Part, error) // in place of part; without both it is the end
	channels []*declaration        // of the end: all so far
}
