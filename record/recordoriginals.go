package record

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/shmbus/shmbus/topic"
)

// recordedOriginals puts the notes of replays into the file, each before the first recorded message that it is about. The zero value is ready.
type recordedOriginals struct {
	bytes   int                        // of the notes that wait, and of those in the file
	replays map[string]*recordedReplay // by participant
}

// A recordedReplay has the notes of a participant.
type recordedReplay struct {
	missed uint64                   // how often notes were missed
	of     map[string]*waitingNotes // by publisher
}

// waitingNotes are notes of a publisher about messages that have not been recorded, in order.
type waitingNotes struct {
	notes   []recordedNote
	missed  uint64 // of the recordedReplay when it was looked at last
	unknown bool   // notes were missed, and the file does not say so: without another note, the original of a message is not known
	said    bool   // the file says that the original is not known
}

// A recordedNote is the value of a key of the metadata.
type recordedNote struct {
	from  uint64
	value string
}

// Bounds of the notes of replays: of one, of all in a recording, of those that a participant can put before one message, and of the
// participants with notes: of one whose messages are not recorded nothing says that it is gone.
const (
	maxNote          = 8 << 10
	maxNotesAtOnce   = 4 * playNotesDepth
	maxRecordedNotes = 32 << 20
	maxReplays       = 4096
)

// subscribeToNotes subscribes to the notes of replays. It comes before the subscription to messages, and no publisher publishes before the
// subscriptions that exist are linked: the note about a message is there when the message is.
func (rec *Recorder) subscribeToNotes(ctx context.Context) (err error) {
	rec.notes, err = topic.NewSubscriber(ctx, rec.participant, originalsTopic, &topic.SubscriberOptions[[]byte]{Lossless: rec.opts.Lossless})
	if err != nil {
		return fmt.Errorf("subscribe to the notes of replays: %w", err)
	}
	return nil
}

// takeNotes takes the notes that are there. It is called before each message is recorded, so that the note about the message is among them,
// and from time to time, because a lossless subscription makes a replay wait whose messages are not recorded. Called with mu held.
func (rec *Recorder) takeNotes() error {
	for range maxNotesAtOnce {
		s, ok, err := rec.notes.TryReceive()
		if !ok {
			return err
		}
		rec.r.takeOriginal(&s)
	}
	return nil
}

// takeOriginal takes a sample on originalsTopic and releases it.
func (r *recorder) takeOriginal(s *topic.Sample[[]byte]) {
	defer s.Release()
	replay := s.Publisher().Participant.String()
	err := s.Read(func(payload []byte) error {
		r.originals.take(replay, payload, s.Lost())
		return nil
	})
	if r := r.originals.replay(replay); err != nil && r != nil {
		r.missed++ // the publisher truncated its file
	}
}

// take takes a note of a participant. What is none is ignored; a participant can tell lies about its own samples only.
func (o *recordedOriginals) take(replay string, payload []byte, lost uint64) {
	r := o.replay(replay)
	if r == nil {
		return
	}
	full := o.bytes > maxRecordedNotes
	if lost > 0 || full {
		r.missed++
	}
	var n originalNote
	if full || len(payload) > maxNote || json.Unmarshal(payload, &n) != nil || participantOf(n.Publisher) != replay {
		return
	}
	value, err := json.Marshal(n.Original)
	if err != nil {
		return // impossible: text and numbers
	}
	w := o.waiting(r, n.Publisher)
	note := recordedNote{n.From, string(value)}
	w.notes = append(w.notes, note)
	o.bytes += note.size(n.Publisher)
}

// replay returns the notes of a participant, nil if there are notes of too many.
func (o *recordedOriginals) replay(participant string) *recordedReplay {
	r := o.replays[participant]
	if r == nil && len(o.replays) < maxReplays {
		if o.replays == nil {
			o.replays = make(map[string]*recordedReplay)
		}
		r = &recordedReplay{of: make(map[string]*waitingNotes)}
		o.replays[participant] = r
	}
	return r
}

// waiting returns the notes of a publisher. Those before one that was missed are dropped: the next message may need the missed one.
func (o *recordedOriginals) waiting(r *recordedReplay, publisher string) *waitingNotes {
	w := r.of[publisher]
	if w == nil {
		w = new(waitingNotes)
		r.of[publisher] = w
	}
	if w.missed != r.missed {
		w.missed, w.unknown = r.missed, !w.said
		o.drop(w, publisher, len(w.notes))
	}
	return w
}

// drop removes the first n notes.
func (o *recordedOriginals) drop(w *waitingNotes, publisher string, n int) {
	for _, note := range w.notes[:n] {
		o.bytes -= note.size(publisher)
	}
	clear(w.notes[:n])
	w.notes = w.notes[n:]
}

func (n *recordedNote) key(publisher string) string { return fmt.Sprintf("%s:%d", publisher, n.from) }
func (n *recordedNote) size(publisher string) int   { return len(publisher) + 20 + len(n.value) }

// putOriginal puts what is known of the original of the next message of src into the file, unless the file says it already. own is the
// publisher's sequence of the message.
func (r *recorder) putOriginal(src *source, own uint64) {
	o := &r.originals
	if len(o.replays) == 0 {
		return
	}
	publisher := src.name
	replay := o.replays[participantOf(publisher)]
	if replay == nil {
		return
	}
	w := o.waiting(replay, publisher)
	n := 0
	for n < len(w.notes) && w.notes[n].from <= own {
		n++
	}
	note := recordedNote{own, "{}"}
	switch {
	case n > 0:
		note = w.notes[n-1]
		o.drop(w, publisher, n)
	case !w.unknown:
		return
	}
	w.unknown, w.said = false, n == 0
	o.bytes += note.size(publisher)
	r.w.PutMetadata(originalsName, note.key(publisher), note.value)
}

// endOriginals is called when a publisher is gone.
func (r *recorder) endOriginals(src *source) {
	o, publisher := &r.originals, src.name
	replay := o.replays[participantOf(publisher)]
	if replay == nil {
		return
	}
	if w := replay.of[publisher]; w != nil {
		o.drop(w, publisher, len(w.notes))
		delete(replay.of, publisher)
		r.w.EndMetadata(originalsName, publisher)
	}
	if len(replay.of) == 0 && replay.missed == 0 {
		delete(o.replays, participantOf(publisher))
	}
}
