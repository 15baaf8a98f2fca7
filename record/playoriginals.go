package record

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// playOriginals publishes which recorded messages the samples of a replay are. A nil one publishes nothing.
type playOriginals struct {
	*topic.Publisher[[]byte]
	left  int // bytes that may be published
	noted int // publishers with notes
}

// maxOriginals bounds the bytes of the notes of a replay. A recording whose messages are numbered without order needs one for each message.
const maxOriginals = 8 << 20

// playNotesDepth is the number of notes that wait for a recorder.
const playNotesDepth = 1024

// newPlayOriginals returns nil if the participant has no room for another publisher.
func newPlayOriginals(ctx context.Context, p *topic.Participant) (*playOriginals, error) {
	pub, err := topic.NewPublisher(ctx, p, originalsTopic, &topic.PublisherOptions[[]byte]{
		Codec: serde.Opaque(typeOfOriginals()), Depth: playNotesDepth, Latched: true, Key: noteKey, MaxKeys: maxReplayKeys,
	})
	switch {
	case isFull(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("publish %s: %w", originalsTopic, err)
	}
	return &playOriginals{Publisher: pub, left: maxOriginals}, nil
}

func (o *playOriginals) close() {
	if o != nil {
		o.Publisher.Close()
	}
}

// noteKey is the key of a note.
func noteKey(payload []byte) string {
	var n struct {
		Publisher string `json:"publisher"`
	}
	_ = json.Unmarshal(payload, &n) // the payload is that of a note
	return n.Publisher
}

// A playedOriginal is the original of the next sample of a replayPublisher, as far as the notes tell.
type playedOriginal struct {
	publisher *recordedPublisher // nil = not known
	sequence  uint64
	from      uint64 // sequence of the next sample
	noted     bool   // there is a note about the publisher
}

// announce is called before a message is published. It publishes a note if the message is not the one after the message before.
func (o *playOriginals) announce(ctx context.Context, p *replayPublisher, m *playMessage) error {
	if o == nil {
		return nil
	}
	next := &p.original
	next.from++
	publisher, sequence := m.original()
	if !next.precedes(publisher, sequence) {
		if err := o.note(ctx, p, publisher, sequence); err != nil {
			return err
		}
	}
	next.sequence++
	return nil
}

// precedes reports whether the notes so far tell the publisher and sequence of the next sample.
func (n *playedOriginal) precedes(publisher *recordedPublisher, sequence uint64) bool {
	if !n.noted {
		return false
	}
	if n.publisher == nil || publisher == nil {
		return n.publisher == publisher
	}
	// The parts of a recording have the same publishers.
	same := n.publisher == publisher || publisher.ID != "" && n.publisher.ID == publisher.ID
	return same && n.sequence == sequence
}

// note publishes a note about the next sample of p.
func (o *playOriginals) note(ctx context.Context, p *replayPublisher, publisher *recordedPublisher, sequence uint64) error {
	next := &p.original
	if !next.noted && o.noted == maxReplayKeys {
		return nil
	}
	n := originalNote{Publisher: p.ID().String(), From: next.from}
	if publisher != nil {
		n.Original = rangeRecord{
			Publisher: cutText(publisher.ID, maxOriginal), Sequence: sequence,
			Unit: cutText(publisher.Unit, maxOriginal), Executable: cutText(publisher.Executable, maxOriginal), PID: publisher.PID,
		}
	}
	js, err := json.Marshal(n)
	if err != nil {
		return err // impossible: text and numbers
	}
	if o.left -= len(js); o.left < 0 && publisher != nil {
		if next.publisher == nil {
			return nil
		}
		return o.note(ctx, p, nil, 0)
	}
	if _, err := o.Publish(ctx, js); err != nil {
		return fmt.Errorf("publish %s: %w", originalsTopic, err)
	}
	if !next.noted {
		next.noted = true
		o.noted++
	}
	next.publisher, next.sequence = publisher, sequence
	return nil
}

// original returns the publisher of the message and the sequence that it had there, of a recorded replay those of its original. The
// publisher is nil if neither is known.
func (m *playMessage) original() (*recordedPublisher, uint64) {
	if p, sequence, replayed := m.file.attribution.original(&m.Message); replayed {
		return p, sequence
	}
	p, sequence := m.file.attribution.publisher(&m.Message)
	if p.ID == "" && (sequence == 0 || m.Channel.Metadata[keyStream] != "") {
		return nil, 0
	}
	return p, sequence
}
