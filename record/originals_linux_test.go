package record

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/topic"
)

// ofTwoPublishers is a recording whose payloads say which message of which publisher they are, "-" for not known. Publisher a.1 misses
// messages; the topic "other" is of another tool.
func ofTwoPublishers(t *testing.T) string {
	t.Helper()
	stream := &mcapfile.Channel{Topic: "t", Metadata: map[string]string{keyStream: "s.0"}}
	other := &mcapfile.Channel{Topic: "other"}
	return fileOf(t, []line{
		{stream, 1, "a.1 5"}, {stream, 2, "a.1 6"}, {stream, 3, "a.1 20"}, {other, 3, " 1"}, {stream, 4, "b.1 1"}, {stream, 5, "b.1 2"},
		{stream, 6, "a.1 21"}, {other, 6, " 2"}, {stream, 7, "-"}, {stream, 8, "-"}, {stream, 9, "a.1 40"}, {stream, 10, "a.1 41"},
	}, map[string]map[string]string{publishersName: {
		"s.0:1": `{"publisher":"a.1","sequence":5,"unit":"A","executable":"/a","pid":1}`, "s.0:3": `{"publisher":"a.1","sequence":20}`,
		"s.0:4": `{"publisher":"b.1","sequence":1,"unit":"B"}`, "s.0:6": `{"publisher":"a.1","sequence":21}`,
		"s.0:7": `{"publisher":"","sequence":7}`, "s.0:9": `{"publisher":"a.1","sequence":40}`,
	}})
}

// checkOriginals checks that the originals of a file are those that its payloads name, and returns the number of messages with one.
func checkOriginals(t *testing.T, path string) (known int) {
	t.Helper()
	s, err := Read(t.Context(), path, nil, func(m *Message) error {
		want := string(m.Payload)
		if m.OriginalSequence == 0 {
			return nil
		}
		known++
		if got := fmt.Sprint(m.OriginalPublisher, " ", m.OriginalSequence); got != want {
			t.Errorf("%s: a message of %q is said to be of %q", path, want, got)
		}
		return nil
	})
	if err != nil || s.Damage != nil {
		t.Fatal(err, s.Damage)
	}
	return known
}

// Replays of replays have the first originals, also in another order of the messages.
func TestPlay_OriginalsAreKept(t *testing.T) {
	path := ofTwoPublishers(t)
	for pass := range 3 {
		path, _ = replay(t, path, PlayOptions{Max: true, Order: Order(pass % 2)})
		if n := checkOriginals(t, path); n != 12-len("--") {
			t.Errorf("pass %d: %d messages with an original", pass, n)
		}
	}
}

func TestPlay_OriginalsInInfo(t *testing.T) {
	again, _ := replay(t, ofTwoPublishers(t), PlayOptions{Max: true})
	info, err := ReadInfo(again)
	if err != nil {
		t.Fatal(err)
	}
	js, _ := json.Marshal(info.Topics)
	for _, want := range []string{`{"id":"a.1","unit":"A","executable":"/a","pid":1}`, `{"id":"b.1","unit":"B","executable":"","pid":0}`} {
		if !strings.Contains(string(js), want) {
			t.Errorf("no %s in %s", want, js)
		}
	}
	if len(info.Topics) != 2 {
		t.Errorf("the notes are a topic: %s", js)
	}
}

// A recorder that begins in the middle of a replay, and each part of a recording, have the original of every message.
func TestRecord_OriginalsFromTheMiddleOn(t *testing.T) {
	c := controlledPlay(t, ofTwoPublishers(t), PlayOptions{})
	c.must(c.Step(t.Context(), 2, ""))
	path := filepath.Join(t.TempDir(), "f.mcap")
	rec := begin(t, c.p, path, RecordOptions{Numbered: true})
	c.must(c.Step(t.Context(), 4, ""))
	received(t, rec, 4)
	must(t, rec.Split())
	c.must(c.Step(t.Context(), 6, ""))
	received(t, rec, 10)
	s := end(t, rec)
	c.Stop()
	<-c.played
	for i, want := range []int{4, 4} {
		if n := checkOriginals(t, s.Files[i]); n != want {
			t.Errorf("%d messages of part %d have an original", n, i)
		}
	}
}

// A message is in the same part as the note about it, also behind many other notes.
func TestRecord_NotesComeBeforeTheirMessages(t *testing.T) {
	p := join(t, domain(t))
	path := filepath.Join(t.TempDir(), "f.mcap")
	rec := begin(t, p, path, RecordOptions{Numbered: true})
	o, err := newPlayOriginals(t.Context(), p)
	must(t, err)
	defer o.close()
	pub := publisher(t, p, "t", &topic.PublisherOptions[string]{})
	note := func(sequence uint64) {
		t.Helper()
		js, err := json.Marshal(originalNote{pub.ID().String(), 1, rangeRecord{Publisher: "a.1", Sequence: sequence}})
		must(t, err)
		_, err = o.Publish(t.Context(), js)
		must(t, err)
	}
	for i := range uint64(500) {
		note(i)
	}
	note(7)
	publish(t, pub, "a.1 7")
	received(t, rec, 1)
	must(t, rec.Split())
	s := end(t, rec)
	var originals []uint64
	_, err = Read(t.Context(), s.Files[0], nil, func(m *Message) error {
		originals = append(originals, m.OriginalSequence)
		return nil
	})
	if err != nil || !slices.Equal(originals, []uint64{7}) {
		t.Errorf("%v %v", originals, err)
	}
}

// After a note that a recorder missed, no message has an original until there is a note about it: the missed one may have been about it.
func TestRecord_MissedNotes(t *testing.T) {
	s := newSink(t, nil)
	d := raw("t")
	note := func(number int, from, sequence, lost uint64) {
		t.Helper()
		js, err := json.Marshal(originalNote{publisherID(number).String(), from, rangeRecord{Publisher: "a.1", Sequence: sequence}})
		must(t, err)
		s.originals.take(publisherID(0).Participant.String(), js, lost)
	}
	note(0, 1, 5, 0)
	note(1, 1, 5, 0) // of another participant
	s.put(d, publisherID(0), 1, 0)
	s.put(d, publisherID(1), 1, 0)
	note(0, 2, 50, 0)
	note(0, 5, 9, 1) // before it, one about message 3 was missed
	for sequence := range uint64(5) {
		s.put(d, publisherID(0), 2+sequence, 0)
	}
	s.close()
	var got []uint64
	_, err := Read(t.Context(), s.path, nil, func(m *Message) error {
		got = append(got, m.OriginalSequence)
		return nil
	})
	if want := []uint64{5, 0, 0, 0, 0, 9, 10}; err != nil || !slices.Equal(got, want) {
		t.Errorf("originals %v, want %v, %v", got, want, err)
	}
}

// Notes about messages that are not recorded take little memory, and are forgotten with their publisher.
func TestRecord_NotesAreBounded(t *testing.T) {
	s := newSink(t, nil)
	d := raw("t")
	s.put(d, publisherID(0), 1, 0)
	js, err := json.Marshal(originalNote{publisherID(0).String(), 2, rangeRecord{Publisher: strings.Repeat("x", maxNote/2)}})
	must(t, err)
	for range 2 * maxRecordedNotes / len(js) {
		s.originals.take(publisherID(0).Participant.String(), js, 0)
	}
	if n := s.originals.bytes; n > maxRecordedNotes+maxNote || n < maxRecordedNotes {
		t.Errorf("the notes take %d bytes", n)
	}
	s.sources.end(publisherID(0), s.clock.Now())
	s.recordEnded()
	if n := s.originals.bytes; n != 0 {
		t.Errorf("the notes of a publisher that is gone take %d bytes", n)
	}
	for i := range 2 * maxReplays {
		s.originals.take(publisherID(i).Participant.String(), []byte("no note"), 1)
	}
	if n := len(s.originals.replays); n > maxReplays {
		t.Errorf("there are notes of %d participants", n)
	}
	s.close()
}

func TestAttribution_DamagedOriginals(t *testing.T) {
	for key, value := range map[string]string{"a.1": "{}", "a.1:x": "{}", "a.1:1": "{", "": "", "a.1:-1": "{}"} {
		a := newAttribution()
		if err := a.add(mcapfile.Metadata{Name: originalsName, Values: map[string]string{key: value}}); err == nil {
			t.Errorf("%q: %q is accepted", key, value)
		}
	}
}

// A recording whose messages have no order needs a note for each. When they have taken enough memory, the rest has no original.
func TestPlayOriginals_Bounded(t *testing.T) {
	d := domain(t)
	p := join(t, d)
	sub, err := topic.NewSubscriber(t.Context(), p, originalsTopic, &topic.SubscriberOptions[[]byte]{Lossless: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	o, err := newPlayOriginals(t.Context(), join(t, d))
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	o.left = 250
	played := &replayPublisher{Publisher: publisher[[]byte](t, p, "t", nil)}
	m := playMessage{file: &playFile{attribution: newAttribution()}}
	m.Channel = &mcapfile.Channel{Topic: "t", Metadata: map[string]string{keyPublisher: "a.1"}}
	for i := range 100 {
		m.Sequence = uint32(1000 - i)
		must(t, o.announce(t.Context(), played, &m))
	}
	var got []uint64
	for {
		s, ok, err := sub.TryReceive()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		var n originalNote
		must(t, json.Unmarshal(s.Bytes(), &n))
		got = append(got, n.Original.Sequence)
		s.Release()
	}
	if len(got) != 3 || got[0] != 1000 || got[1] != 999 || got[2] != 0 {
		t.Errorf("notes of the originals %v", got)
	}
}
