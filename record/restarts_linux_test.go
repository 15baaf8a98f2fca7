package record

import (
	"fmt"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/topic"
)

func TestRecord_RestartedPublishers(t *testing.T) {
	o := domain(t)
	p := join(t, o)
	path := filepath.Join(t.TempDir(), "f.mcap")
	r := start(t, p, path, RecordOptions{Lossless: true})
	const n = 200
	for i := range n {
		node := join(t, o)
		pub := publisher(t, node, "a", &topic.PublisherOptions[string]{Latched: i%2 == 0})
		publish(t, pub, fmt.Sprint(i), "second")
		if err := pub.Close(); err != nil {
			t.Fatal(err)
		}
		if err := node.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if s := r.stop(); s.Messages != 2*n || s.Lost != 0 {
		t.Fatalf("%+v", s)
	}
	info, err := ReadInfo(path)
	if err != nil || len(info.Topics) != 1 || info.SequenceGaps != 0 {
		t.Fatalf("%+v, %v", info, err)
	}
	if topic := info.Topics[0]; topic.Publishers != n || topic.PublishersGone != n {
		t.Errorf("%d publishers, %d gone", topic.Publishers, topic.PublishersGone)
	}
	for _, m := range messages(t, path) {
		if m.Channel.ID > 1 {
			t.Fatalf("a message on channel %d", m.Channel.ID)
		}
	}
}

func TestRecord_SilentTopics(t *testing.T) {
	o := domain(t)
	sender, p := join(t, o), join(t, o)
	publisher(t, sender, "silent", &topic.PublisherOptions[pose]{Latched: true})
	publisher[string](t, sender, "left out", nil)
	closed := publisher[string](t, sender, "closed meanwhile", nil)
	path := filepath.Join(t.TempDir(), "f.mcap")
	r := start(t, p, path, RecordOptions{Exclude: regexp.MustCompile("out")})
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	publish(t, publisher[string](t, sender, "speaks", nil), "x")
	publisher[[]byte](t, sender, "silent too", nil)
	s := r.stop()
	names := ""
	for _, topic := range s.Topics {
		names += fmt.Sprint(topic.Topic, " ", topic.Messages, ",")
	}
	if names != "closed meanwhile 0,silent 0,silent too 0,speaks 1," {
		t.Errorf("the summary names %s", names)
	}
	got := map[string]*mcapfile.Channel{}
	for _, ch := range declared(t, path) {
		got[ch.Topic] = ch
	}
	if len(got) != 4 || got["silent"].SchemaName != "record.pose" || got["silent"].Metadata[keyLatched] != "true" || got["silent too"].Encoding != "raw" {
		t.Errorf("%v", got)
	}
}

func TestRecorder_AllocatesNothingForAMessage(t *testing.T) {
	o := domain(t)
	pub := publisher[[]byte](t, join(t, o), "a", nil)
	sub, err := topic.NewSubscriber[[]byte](t.Context(), join(t, o), "**", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	s := newSink(t, nil)
	payload := make([]byte, 1000)
	n := testing.AllocsPerRun(5000, func() {
		publish(t, pub, payload)
		sample, err := sub.Receive(t.Context())
		if err == nil {
			_, err = s.take(sample)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// declared returns the channels of a recording, also those without messages.
func declared(t testing.TB, path string) []*mcapfile.Channel {
	t.Helper()
	f, size, err := openRecording(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := mcapfile.NewReader(f, size, nil)
	if err != nil {
		t.Fatal(err)
	}
	for m := (mcapfile.Message{}); err == nil; {
		err = r.Next(&m)
	}
	if !r.Stats().Closed {
		t.Fatal(err)
	}
	return r.Channels()
}

// The publishers close right before the recording ends, so that it may end before the subscription reports them.
func TestRecord_PublishersGoneAtTheStop(t *testing.T) {
	o := domain(t)
	node, p := join(t, o), join(t, o)
	for range 20 {
		path := filepath.Join(t.TempDir(), "f.mcap")
		r := start(t, p, path, RecordOptions{})
		const n = 20
		var pubs []*topic.Publisher[string]
		for range n {
			pub := publisher[string](t, node, "a", nil)
			publish(t, pub, "x")
			pubs = append(pubs, pub)
		}
		for _, pub := range pubs {
			if err := pub.Close(); err != nil {
				t.Fatal(err)
			}
		}
		r.stop()
		info, err := ReadInfo(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Topics[0]; got.Publishers != n || got.PublishersGone != n {
			t.Fatalf("%d publishers, %d gone", got.Publishers, got.PublishersGone)
		}
	}
}
