package record

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// A sink is a recorder that a test hands samples to.
type sink struct {
	*recorder
	rec  *Recorder
	t    testing.TB
	path string
}

func newSink(t testing.TB, wall *clock.Wall) *sink {
	t.Helper()
	return newSinkWith(t, wall, &RecordOptions{}, nil)
}

func newSinkWith(t testing.TB, wall *clock.Wall, o *RecordOptions, wo *mcapfile.WriterOptions) *sink {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.mcap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	w, err := mcapfile.NewWriter(f, wo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() }) // also for a test that does not, whose goroutines others would find
	c := clock.New()
	if wall == nil {
		wall = clock.NewWall(c.Read)
	}
	r := newRecorder(w, o, newSources(), c, wall)
	return &sink{r, &Recorder{r: r, w: w, clock: c, parts: &parts{opts: o}, before: make(map[string]TopicSummary)}, t, path}
}

// put records a sample. Its payload is the publisher and the publisher's number.
func (s *sink) put(d *description, id topic.PublisherID, sequence, lost uint64) {
	s.t.Helper()
	s.putAt(d, id, sequence, lost, s.clock.Now())
}

func (s *sink) putAt(d *description, id topic.PublisherID, sequence, lost uint64, stamp int64) {
	s.t.Helper()
	a := sampleInfo{publisher: id, sequence: sequence, lost: lost, stamp: stamp}
	src, err := s.sourceOf(id, func() description { return *d })
	if err != nil {
		s.t.Fatal(err)
	}
	s.countLost(src, &a)
	m, err := s.message(src, &a)
	if err == nil && src.channel != nil {
		m.Data = fmt.Appendf(nil, "%v %d", id, sequence)
		err = s.write(src, &m)
	}
	if err == nil {
		err = s.finish(src, &m, nil)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *sink) close() Info {
	s.t.Helper()
	s.recordEnded()
	s.applyClockSteps()
	if err := s.w.Flush(); err != nil {
		s.t.Fatal(err)
	}
	for _, m := range s.rec.partMetadata() {
		s.w.AddMetadata(m.Name, m.Values)
	}
	if err := s.w.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.rec.summarise(s.clock.Now(), 0)
	info, err := ReadInfo(s.path)
	if err != nil || info.Damage != "" {
		s.t.Fatal(err, info.Damage)
	}
	return info
}

// plan reads the recording and checks that every message is attributed to its publisher, with the publisher's number.
func (s *sink) plan() *mcapfile.Plan {
	s.t.Helper()
	f, size, err := openRecording(s.path)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { f.Close() })
	plan, err := mcapfile.NewPlan(f, size, nil, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	from := newAttribution()
	var wrong *mcapfile.Damage
	if from.addNew(0, plan.Stats.Metadata, &wrong); wrong != nil {
		s.t.Fatal(wrong)
	}
	for m, err := range plan.InOrder() {
		if err != nil {
			s.t.Fatal(err)
		}
		p, number := from.publisher(&m)
		if got := fmt.Sprintf("%s %d", p.ID, number); got != string(m.Data) && p.ID != "" {
			s.t.Fatalf("sequence %d on %s is %q and attributed to %q", m.Sequence, m.Channel.Topic, m.Data, got)
		}
	}
	return plan
}

func publisherID(n int) topic.PublisherID {
	return topic.PublisherID{Participant: registry.ID(n + 1), Number: 1}
}

func raw(name string) *description {
	return &description{topic: name, kind: serde.Type{Encoding: "raw"}, unit: "node", executable: "/opt/robot/node", pid: 7}
}

// A node that restarts every few seconds for days.
func TestRecorder_HundredThousandPublishers(t *testing.T) {
	const n = 100_000
	s := newSink(t, nil)
	restarting, steady := raw("restarting"), raw("steady")
	for i := range n {
		id := publisherID(i)
		s.put(restarting, id, 1, 0)
		s.put(restarting, id, 3, 1) // one was lost
		s.put(steady, publisherID(n), uint64(i+1), 0)
		s.sources.end(id, s.clock.Now())
		if len(s.sources.byID) > 3 {
			t.Fatalf("%d publishers are kept after %d of them", len(s.sources.byID), i)
		}
	}
	info := s.close()
	if len(info.Topics) != 2 || info.Messages != 3*n || *info.Lost != n || info.SequenceGaps != n {
		t.Fatalf("%d topics, %d messages, %d lost, %d gaps", len(info.Topics), info.Messages, *info.Lost, info.SequenceGaps)
	}
	if topic := info.Topics[0]; topic.Publishers != n || topic.PublishersGone != n || len(topic.PublisherList) != listedPublishers ||
		topic.SequenceGaps != n || len(topic.Units) != 1 || topic.Units[0] != "node" {
		t.Errorf("%d publishers, %d gone, %d listed, %d gaps, units %v", topic.Publishers, topic.PublishersGone, len(topic.PublisherList), topic.SequenceGaps, topic.Units)
	}
	if p := info.Topics[0].PublisherList[5]; p.ID != publisherID(5).String() || p.Unit != "node" || p.Executable != "/opt/robot/node" || p.PID != 7 ||
		p.Messages != 2 || p.SequenceGaps != 1 || p.Ended == nil || p.Ended.Before(p.End) {
		t.Errorf("%+v", p)
	}
	if topic := info.Topics[1]; topic.Publishers != 1 || topic.PublishersGone != 0 || topic.SequenceGaps != 0 {
		t.Errorf("%d publishers, %d gone, %d gaps", topic.Publishers, topic.PublishersGone, topic.SequenceGaps)
	}
	plan := s.plan()
	if len(plan.Channels) != 2 {
		t.Errorf("%d channels", len(plan.Channels))
	}
	records := 0
	for _, m := range plan.Stats.Metadata {
		if m.Name != statsName {
			records++
		}
	}
	chunks := int(info.Chunks[0].Chunks)
	bytes := 0
	for _, m := range plan.Stats.Metadata {
		for k, v := range m.Values {
			bytes += len(k) + len(v)
		}
	}
	t.Logf("%d metadata records, %d chunks, %d bytes, of which %d of metadata", records, chunks, info.FileSize, bytes)
	if records > 2*(chunks+bytes/(64<<10)) {
		t.Errorf("%d metadata records in %d chunks", records, chunks)
	}
}

func TestRecorder_OnePublisherKeepsItsNumbers(t *testing.T) {
	s := newSink(t, nil)
	last := uint64(16)
	for _, n := range []uint64{17, 18, 30, 500_000, 500_001} {
		s.put(raw("a"), publisherID(1), n, n-last-1)
		last = n
	}
	s.close()
	for m, err := range s.plan().InOrder() {
		if err != nil || strings.Fields(string(m.Data))[1] != strconv.Itoa(int(m.Sequence)) {
			t.Errorf("%q has sequence %d, %v", m.Data, m.Sequence, err)
		}
	}
}

func TestRecorder_NumbersGoOnAfterARestart(t *testing.T) {
	s := newSink(t, nil)
	for i := range 3 {
		for n := range uint64(10) {
			s.put(raw("a"), publisherID(i), n+1, 0)
		}
		s.sources.end(publisherID(i), s.clock.Now())
		s.recordEnded()
	}
	s.close()
	want := uint32(0)
	for m := range s.plan().InOrder() {
		if want++; m.Sequence != want {
			t.Fatalf("sequence %d, want %d", m.Sequence, want)
		}
	}
}

func TestRecorder_PublishersAtTheSameTime(t *testing.T) {
	s := newSink(t, nil)
	d := raw("a")
	const publishers, rounds = 3, 20_000
	lost := uint64(0)
	for n := range uint64(rounds) {
		for i := range publishers {
			if (n+uint64(i))%1000 == 999 {
				continue // each loses one in a thousand
			}
			own := n + 1 + uint64(i)*1_000_000
			gap := uint64(0)
			if n > 0 && (n+uint64(i))%1000 == 0 {
				gap = 1
				lost++
			}
			s.put(d, publisherID(i), own, gap)
		}
	}
	info := s.close()
	if len(info.Topics) != 1 || info.Topics[0].Publishers != publishers || info.SequenceGaps != lost || *info.Lost != lost {
		t.Errorf("%d publishers, %d gaps, %d lost; lost were %d", info.Topics[0].Publishers, info.SequenceGaps, *info.Lost, lost)
	}
	plan := s.plan()
	ranges := 0
	for _, m := range plan.Stats.Metadata {
		if m.Name == publishersName {
			ranges += len(m.Values)
		}
	}
	if len(plan.Channels) != 1 || ranges > 10*publishers {
		t.Errorf("%d channels, %d ranges", len(plan.Channels), ranges)
	}
}

func TestRecorder_ChannelWithoutSequenceNumbersLeft(t *testing.T) {
	s := newSink(t, nil)
	d := raw("a")
	d.latched = true
	s.put(d, publisherID(0), 1, 0)
	s.put(d, publisherID(1), 1, 0)
	for _, ch := range s.channels.byKey {
		ch.next = numbersOfChannel - 10
	}
	for n := range uint64(2000) {
		s.put(d, publisherID(0), n+2, 0)
		s.put(d, publisherID(1), n+2, 0)
		s.put(d, publisherID(2), n+1, 0)
	}
	info := s.close()
	if len(info.Topics) != 1 || info.Topics[0].Publishers != 3 || info.SequenceGaps != 0 || info.Messages != 6002 {
		t.Errorf("%+v", info.Topics)
	}
	plan := s.plan()
	if len(plan.Channels) != 2 || plan.Channels[1].Metadata[keyLatched] != "true" || plan.Channels[0].Metadata[keyStream] == plan.Channels[1].Metadata[keyStream] {
		t.Errorf("%+v", plan.Channels)
	}
}

func TestRecorder_PublishersBeyondTheBudget(t *testing.T) {
	s := newSinkWith(t, nil, &RecordOptions{}, &mcapfile.WriterOptions{RangeLimit: 2000})
	for i := range 100 {
		for n := range uint64(5) {
			s.put(raw("a"), publisherID(i), n+1, 0)
		}
	}
	info := s.close()
	topic := info.Topics[0]
	if topic.Publishers < 5 || topic.Publishers > 20 || topic.Messages != 500 || info.SequenceGaps != 0 {
		t.Errorf("%d publishers, %d messages, %d gaps", topic.Publishers, topic.Messages, info.SequenceGaps)
	}
	last := topic.PublisherList[topic.Publishers-1]
	if last.ID != "" || last.Messages != 500-5*uint64(topic.Publishers-1) {
		t.Errorf("%+v", last)
	}
	s.plan()
}

// The subscription may say that a publisher is gone while its only sample is on its way to the recorder.
func TestRecorder_PublisherGoneBeforeItsSampleIsRecorded(t *testing.T) {
	s := newSink(t, nil)
	for i := range 3 {
		s.sources.end(publisherID(i), s.clock.Now())
		s.put(raw("a"), publisherID(i), 1, 0)
		if n := len(s.sources.byID) + len(s.sources.earlyEnds); n != 0 {
			t.Errorf("%d publishers are kept", n)
		}
	}
	for i := range 3 * maxEarlyEnds { // silent ones, while nothing is recorded
		s.sources.end(publisherID(10+i), 1)
	}
	if n := len(s.sources.earlyEnds); n > maxEarlyEnds {
		t.Errorf("%d silent publishers are kept", n)
	}
	if info := s.close(); info.Topics[0].PublishersGone != 3 {
		t.Errorf("%+v", info.Topics)
	}
}

func TestRecorder_KindsOfOneTopicAreChannels(t *testing.T) {
	s := newSink(t, nil)
	kinds := []serde.Type{{Encoding: "json"}, {Encoding: "cbor"}, {Name: "T", Encoding: "json"}, {Name: "T", Encoding: "json", SchemaEncoding: "jsonschema", Schema: []byte("{}")}}
	n := 0
	for _, kind := range kinds {
		for _, latched := range []bool{false, true} {
			for range 2 {
				s.put(&description{topic: "a", kind: kind, latched: latched}, publisherID(n), 1, 0)
				n++
			}
		}
	}
	for _, original := range []string{"//a", "a/"} {
		s.put(&description{topic: "a", kind: kinds[0], metadata: map[string]string{keyOriginalTopic: original}}, publisherID(n), 1, 0)
		n++
	}
	s.close()
	if plan := s.plan(); len(plan.Channels) != 2*len(kinds)+2 {
		t.Errorf("%d channels", len(plan.Channels))
	}
}

func TestRecorder_MoreChannelsThanAFileHolds(t *testing.T) {
	s := newSink(t, nil)
	const most = 1 << 16
	for i := range most + 2 {
		s.put(raw(fmt.Sprint(i)), publisherID(i), 1, 0)
	}
	s.put(raw("0"), publisherID(0), 2, 0)
	info := s.close()
	summary := s.rec.summary
	if info.Messages != most+1 || *info.Lost != 2 || summary.Lost != 2 || summary.NoChannel != 2 {
		t.Errorf("%d messages, %d lost, %d without a channel", info.Messages, *info.Lost, summary.NoChannel)
	}
}

func TestRecorder_MessageThatIsTooLarge(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		t.Skip("so large a slice does not fit into this address space")
	}
	s := newSink(t, nil)
	s.put(raw("a"), publisherID(0), 1, 0)
	a := sampleInfo{publisher: publisherID(0), sequence: 2, stamp: s.clock.Now()}
	src, err := s.sourceOf(a.publisher, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.message(src, &a)
	if err != nil {
		t.Fatal(err)
	}
	m.Data = make([]byte, mcapfile.MaxMessage+1) // untouched pages, which take no memory
	if err := s.finish(src, &m, s.w.Write(&m)); err != nil {
		t.Fatal(err)
	}
	s.put(raw("a"), publisherID(0), 3, 0)
	info := s.close()
	summary := s.rec.summary
	if info.Messages != 2 || *info.Lost != 1 || info.SequenceGaps != 1 || summary.Lost != 1 || summary.TooLarge != 1 || summary.Topics[0].TooLarge != 1 {
		t.Errorf("%+v, %+v", info, summary)
	}
}

func TestRecorder_StepsOfTheWallClock(t *testing.T) {
	const year = 365 * 24 * 3600 * int64(second)
	stamp, offset := int64(0), int64(0)
	c := clock.New()
	now := func() clock.Reading { return clock.Reading{Stamp: stamp, Wall: stamp + offset} }
	stamp = c.Now()
	wall := clock.NewWall(now)
	s := newSink(t, wall)
	step := func(by int64) int64 {
		stamp, offset = c.Now(), offset+by
		wall.Refresh()
		return stamp
	}
	d, id := raw("a"), publisherID(0)
	s.put(d, id, 1, 0)
	early := c.Now()
	set := step(50 * year)
	s.putAt(d, id, 2, 0, early) // published before the clock was set, recorded after
	s.put(d, id, 3, 0)
	back := step(-int64(time.Hour))
	step(int64(time.Minute))
	s.put(d, id, 4, 0)
	info := s.close()
	offsets := map[uint64][2]int64{1: {0, 0}, 2: {50 * year, 0}, 3: {50 * year, 50 * year}, 4: {50*year - int64(time.Hour) + int64(time.Minute), 50*year - int64(time.Hour) + int64(time.Minute)}}
	plan := s.plan()
	for m, err := range plan.InOrder() {
		if err != nil {
			t.Fatal(err)
		}
		want := offsets[uint64(m.Sequence)]
		for i, at := range []uint64{m.LogTime, m.PublishTime} {
			if monotonic := int64(at) - want[i]; monotonic < s.start || monotonic > c.Now() {
				t.Errorf("message %d: time %d is %d by the monotonic clock, not between %d and now", m.Sequence, i, monotonic, s.start)
			}
		}
	}
	chunks := 0
	for _, c := range info.Chunks { // a small chunk may take less space without compression
		chunks += int(c.Chunks)
	}
	if chunks != 3 {
		t.Errorf("%+v", info.Chunks)
	}
	var steps []map[string]string
	for _, m := range plan.Stats.Metadata {
		if m.Name == clockName {
			steps = append(steps, m.Values)
		}
	}
	if len(steps) != 3 || steps[0]["stamp"] != fmt.Sprint(set) || steps[0]["offset_before"] != "0" || steps[0]["offset"] != fmt.Sprint(50*year) ||
		steps[1]["log_time_before"] != fmt.Sprint(back+50*year) || steps[1]["log_time"] != fmt.Sprint(back+50*year-int64(time.Hour)) {
		t.Errorf("%v", steps)
	}
}

func TestInfo_RecordingWithAChannelForEachPublisher(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.mcap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := mcapfile.NewWriter(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		ch, err := w.AddChannel(mcapfile.Channel{Topic: "a", Encoding: "raw", Metadata: map[string]string{keyPublisher: publisherID(i).String(), keyUnit: fmt.Sprint(i % 2)}})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []uint32{1, 2, 4} {
			if err := w.Write(&mcapfile.Message{Channel: ch, Sequence: n, LogTime: uint64(i)*second + uint64(n)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := ReadInfo(path)
	if err != nil || len(info.Topics) != 1 || info.Topics[0].Publishers != 3 || info.SequenceGaps != 3 || strings.Join(info.Topics[0].Units, " ") != "0 1" ||
		info.Topics[0].PublisherList[2].ID != publisherID(2).String() {
		t.Errorf("%+v, %v", info, err)
	}
}
