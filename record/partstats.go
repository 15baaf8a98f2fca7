package record

import (
	"encoding/json"
	"strconv"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// addUnseenLoss takes the loss count of the subscription, which includes losses after the last sample of a publisher.
func (r *recorder) addUnseenLoss(lost uint64) {
	seen := r.pause.lost + r.ignored + r.counts.overwritten()
	if lost > seen {
		r.counts.unseen.Store(lost - seen)
	}
}

// partMetadata returns the counters of the part that ends. It runs on the writer's goroutine.
func (rec *Recorder) partMetadata() []mcapfile.Metadata {
	var messages, lost, dropped uint64
	topics := make(map[string]topicStats)
	for _, t := range rec.r.counts.summaries() {
		b := rec.before[t.Topic]
		s := topicStats{Messages: t.Messages - b.Messages, Lost: t.Lost - b.Lost, Dropped: t.Dropped - b.Dropped}
		rec.before[t.Topic] = t
		messages += s.Messages
		lost += s.Lost
		dropped += s.Dropped
		topics[t.Topic] = s
	}
	// These are known at the end of the recording, when what waits may still fill several parts.
	unseen := rec.r.counts.unseen.Load()
	lost += unseen - rec.unseenBefore
	rec.unseenBefore = unseen
	js, err := json.Marshal(topics)
	if err != nil {
		return nil // impossible: strings and numbers
	}
	return []mcapfile.Metadata{{Name: statsName, Values: map[string]string{
		statsMessages: strconv.FormatUint(messages, 10), statsLost: strconv.FormatUint(lost, 10),
		statsDropped: strconv.FormatUint(dropped, 10), statsTopics: string(js),
	}}}
}
